// The border that no exception crosses: at the top of every thread and job.
#pragma once

#include "base/status.h"

namespace ipa {

// The exception being handled, as an error. Only memory can run out past a Status;
// anything else is a bug worth naming instead of ending the process. Needs no memory to say that there is none.
Status caught() noexcept;

// What `f` returns (a Status or Result), or what it threw.
template <class F>
auto guarded(F&& f) noexcept -> decltype(f()) {
  try {
    return f();
  } catch (...) {
    return caught();
  }
}

}  // namespace ipa
