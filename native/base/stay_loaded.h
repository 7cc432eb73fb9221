// Keeps this library in the process to its end.
#pragma once

namespace ipa {

// Engine threads may run on while a worker of Node, which loaded the addon, ends and unloads it. On Linux the linker's flag
// `-z nodelete` says the same. Where it fails, nothing is lost but this.
void stay_loaded();

}  // namespace ipa
