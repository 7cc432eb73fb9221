// Puts back what kind of device a name stood for before a test registered its own.
#pragma once

#include <string>
#include <utility>

#include "graph/device_kinds.h"

namespace ipa_test {

class KeptDeviceKind {
 public:
  explicit KeptDeviceKind(std::string kind) : kind_(std::move(kind)), before_(ipa::find_device_kind(kind_)) {}
  ~KeptDeviceKind() { ipa::add_device_kind(kind_, std::move(before_)); }
  KeptDeviceKind(const KeptDeviceKind&) = delete;
  KeptDeviceKind& operator=(const KeptDeviceKind&) = delete;

 private:
  std::string kind_;
  ipa::OpenDevice before_;
};

}  // namespace ipa_test
