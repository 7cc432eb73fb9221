// The kind of device "cuda" for tests: the CPU under another name, or one that cannot be opened.
#pragma once

#include <memory>

#include "base/status.h"
#include "graph/backend.h"
#include "kept_device_kind.h"

namespace ipa_test {

// Known for as long as it lives.
class FakeCuda {
 public:
  // `count` devices with the capabilities of a GPU, that in truth are the CPU: they run all but f16.
  explicit FakeCuda(int count, bool has_bf16 = true);
  // Opening any fails.
  explicit FakeCuda(ipa::Status failure);

  // How often one was opened, or failed to.
  int attempts() const { return *attempts_; }

 private:
  const KeptDeviceKind kept_{"cuda"};
  std::shared_ptr<int> attempts_ = std::make_shared<int>(0);
};

}  // namespace ipa_test
