// A device whose memory the host cannot reach, for tests: whoever takes its addresses for the host's own crashes.
#pragma once

#include "graph/backend.h"

namespace ipa_test {

// Makes the device "guarded:0" known: the CPU with memory that is locked except while it runs, and while bytes are written,
// read or copied.
void add_guarded_device();

}  // namespace ipa_test
