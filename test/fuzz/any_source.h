// What the fuzzers of tensor files share: any bytes opened, and what an error must be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "weights/formats/safetensors/safetensors.h"
#include "weights/formats/torch/torch_file.h"
#include "weights/tensor_source.h"

namespace ipa_fuzz {

// As PyTorch's where they begin so, else as safetensors.
inline ipa::Result<std::unique_ptr<ipa::TensorSource>> open_bytes(const uint8_t* data, size_t size) {
  std::vector<uint8_t> bytes(data, data + size);
  auto source = ipa::is_torch_file(data, size) ? ipa::open_torch_bytes(std::move(bytes), "fuzz")
                                               : ipa::open_safetensors_bytes(std::move(bytes), "fuzz");
  if (!source.ok()) return source.status();
  return std::unique_ptr<ipa::TensorSource>(source.take());
}

// An error says what is wrong, and is never one of our own making.
template <class Answer>
bool good(const Answer& answer) {
  if (answer.ok()) return true;
  if (answer.status().code() == ipa::Code::internal || answer.status().message().empty()) std::abort();
  return false;
}

}  // namespace ipa_fuzz
