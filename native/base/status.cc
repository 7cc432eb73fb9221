#include "base/status.h"

namespace ipa {

const char* error_name(Code code) {
  switch (code) {
    case Code::ok: return "OK";
    case Code::invalid_option: return "INVALID_OPTION";
    case Code::not_found: return "NOT_FOUND";
    case Code::io: return "IO";
    case Code::truncated: return "TRUNCATED";
    case Code::limit: return "LIMIT";
    case Code::syntax: return "SYNTAX";
    case Code::utf8: return "UTF8";
    case Code::duplicate: return "DUPLICATE";
    case Code::type: return "TYPE";
    case Code::overflow: return "OVERFLOW";
    case Code::range: return "RANGE";
    case Code::layout: return "LAYOUT";
    case Code::unsupported: return "UNSUPPORTED";
    case Code::missing_tensor: return "MISSING_TENSOR";
    case Code::shape: return "SHAPE";
    case Code::mismatch: return "MISMATCH";
    case Code::changed: return "CHANGED";
    case Code::no_memory: return "NO_MEMORY";
    case Code::cancelled: return "CANCELLED";
    case Code::disposed: return "DISPOSED";
    case Code::internal: return "INTERNAL";
    case Code::device: return "DEVICE";
    case Code::device_lost: return "DEVICE_LOST";
  }
  return "INTERNAL";
}

}  // namespace ipa
