// How the parts of the emulator tell of faults of kernels.
#pragma once

#include <cstdint>

#include "warp.h"

namespace cuda_emulator {

// Of what is launched, for the texts. It must outlive the launch.
void name_kernel(const char* name);

// `kind` is a text that lives on. `thread` null: none in particular. `where`, `address`: null where there is none.
void report(const char* kind, const Thread* thread, const char* where, const void* address = nullptr);

// The same, of what ends a launch on a device: the launch ends, and fails. Of the running thread, or another of its warp.
void fault(const char* kind, const Thread& thread, const void* address);

// Lanes that others wait for in vain: they have ended, or wait for something else.
void report_missing(const Warp& warp, const Group& group, uint32_t missing, bool ended);

}  // namespace cuda_emulator
