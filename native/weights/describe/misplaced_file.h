// Files that were passed to the wrong option of load().
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "weights/describe/component_kind.h"
#include "weights/tensor_source.h"

namespace ipa {

// How a file of this kind is passed to load(): ": pass it in loras"; "" where no option takes one.
std::string place_of(ComponentKind kind);

// `error`, of a file that was passed to `option` and holds no `wanted`; or, where another option takes what it holds,
// Code::mismatch that says so.
Status or_misplaced(Status error, const TensorSource& source, const char* wanted, const char* option);
// The same of a file that is opened for it.
Status or_misplaced(Status error, const std::string& path, const char* wanted, const char* option);

}  // namespace ipa
