#include "base/guard.h"

#include <exception>
#include <new>

namespace ipa {
namespace {

const std::string no_memory = "out of memory: use a smaller picture, fewer prompts or a smaller model";
const std::string unknown = "an unknown exception";

}  // namespace

Status caught() noexcept {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return Status::prepared(Code::no_memory, no_memory);
  } catch (const std::exception& error) {
    try {
      return Status(Code::internal, error.what());
    } catch (...) {
      return Status::prepared(Code::no_memory, no_memory);
    }
  } catch (...) {
    return Status::prepared(Code::internal, unknown);
  }
}

}  // namespace ipa
