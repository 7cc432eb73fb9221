#include "weights/write/conversion_plan.h"

#include <string_view>

#include "base/utf8.h"
#include "weights/dtype.h"
#include "weights/formats/gguf/ggml_blocks.h"
#include "weights/write/encode.h"
#include "weights/write/ggml_quantise.h"
#include "weights/write/gguf_layout.h"

namespace ipa {
namespace {

constexpr int64_t small_tensor = 1024;  // values; as ComfyUI's GGUF tools have it

// Parts of names, in the naming of diffusers and of the original checkpoints,
// of layers that every output depends on and that are small beside the others.
constexpr std::string_view kept_layers[] = {"position_embedding", "positional_embedding",
                                            "time_embed",         "add_embedding",
                                            "label_emb",          "class_embedding"};

bool is_kept(const TensorInfo& tensor) {
  if (tensor.shape.size() < 2 || tensor.elements() <= small_tensor) return true;
  for (const std::string_view part : kept_layers) {
    if (tensor.name.find(part) != std::string::npos) return true;
  }
  return false;
}

// f16 holds all values of fp8.
bool fits_f16(DType type) { return type == DType::f16 || type == DType::f8_e4m3 || type == DType::f8_e5m2; }

DType type_of(const TensorInfo& tensor, DType wanted) {
  if (is_integer(tensor.type)) return tensor.type;
  // The gguf package cannot read one in bf16.
  if (wanted == DType::bf16 && tensor.shape.empty()) return DType::f32;
  if (!quantisable(wanted)) return wanted;
  if (tensor.type == wanted && gguf_shape(tensor)) return wanted;
  if (is_kept(tensor)) return fits_f16(tensor.type) ? DType::f16 : DType::f32;
  TensorInfo quantised = tensor;
  quantised.type = wanted;
  if (gguf_shape(quantised)) return wanted;
  return tensor.type == DType::bf16 ? DType::bf16 : DType::f16;
}

}  // namespace

Result<std::vector<TensorInfo>> plan_conversion(const TensorSource& source, DType type) {
  std::vector<TensorInfo> planned;
  for (const TensorInfo& tensor : source.tensors()) {
    if (!dtype_readable(tensor.type) && block_layout(tensor.type).values == 0) {
      return Status(Code::unsupported, in_quotes(source.path(), 1024) + ": tensor " + in_quotes(tensor.name) +
                                           " is stored as " + dtype_name(tensor.type) +
                                           ", which cannot be read");
    }
    TensorInfo info = tensor;
    info.type = type_of(tensor, type);
    info.bytes = stored_bytes(info.type, static_cast<uint64_t>(info.elements()));
    planned.push_back(std::move(info));
  }
  return planned;
}

}  // namespace ipa
