#include "cuda/backend/gpu_launches.h"

#include "cuda/backend/gpu_ops.h"

namespace ipa::gpu {

Status LaunchBuilder::add(const Step& step) {
  if (const auto launch = launch_of(step.node->op).launch) IPA_TRY(launch(*this, step));
  ++index_;
  return {};
}

void* LaunchBuilder::address(const Place& place) const {
  if (!place.valid) return nullptr;
  uint8_t* base =
      place.binding >= 0 ? static_cast<uint8_t*>(bindings_[static_cast<size_t>(place.binding)]) : arena_;
  return base + place.offset;
}

Rows LaunchBuilder::rows(const Place& place, Storage storage) const {
  return {address(place), place.row_stride, element_of(storage)};
}

const void* parameter(const Step& step, size_t index) {
  const Param* param = index < step.node->params.size() ? step.node->params[index] : nullptr;
  return param ? param->data.address() : nullptr;
}

Element element_of(Storage storage) {
  switch (storage) {
    case Storage::f16: return Element::f16;
    case Storage::bf16: return Element::bf16;
    case Storage::i32: return Element::i32;
    case Storage::f32:
    case Storage::packed_kv: break;
  }
  return Element::f32;
}

Element element_of(Compute compute) {
  switch (compute) {
    case Compute::bf16: return Element::bf16;
    case Compute::f32: return Element::f32;
    case Compute::f16:
    case Compute::int16:
    case Compute::int8_weights:
    case Compute::int8: break;
  }
  return Element::f16;
}

}  // namespace ipa::gpu
