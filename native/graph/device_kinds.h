// Which kinds of devices there are besides the CPU, and how one is opened.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "graph/backend.h"

namespace ipa {

// Opens the `index`-th device of a kind; `threads`: of the host, that its runs may use. Code::invalid_option: there is
// none of that index. Code::device: none of the kind can be used, with the reason.
using OpenDevice = std::function<Result<std::shared_ptr<const Backend>>(int index, int threads)>;

// Makes a kind of device known, besides "cpu". In place of one of the same name; an empty `open` takes that away.
void add_device_kind(const std::string& kind, OpenDevice open);

// Empty for a kind that is not known.
OpenDevice find_device_kind(const std::string& kind);

}  // namespace ipa
