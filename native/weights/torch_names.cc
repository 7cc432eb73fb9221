#include "weights/torch_names.h"

namespace ipa {
namespace {

constexpr TorchName names[] = {
    {"collections", "OrderedDict", TorchNameKind::ordered_dict},
    {"torch._utils", "_rebuild_tensor_v2", TorchNameKind::rebuild_tensor},
    {"torch._utils", "_rebuild_parameter", TorchNameKind::rebuild_parameter},
    {"torch", "Size", TorchNameKind::size},
    {"torch", "FloatStorage", TorchNameKind::storage, DType::f32},
    {"torch", "HalfStorage", TorchNameKind::storage, DType::f16},
    {"torch", "BFloat16Storage", TorchNameKind::storage, DType::bf16},
    {"torch", "DoubleStorage", TorchNameKind::storage, DType::f64},
    {"torch", "LongStorage", TorchNameKind::storage, DType::i64},
    {"torch", "IntStorage", TorchNameKind::storage, DType::i32},
    {"torch", "ShortStorage", TorchNameKind::storage, DType::i16},
    {"torch", "CharStorage", TorchNameKind::storage, DType::i8},
    {"torch", "ByteStorage", TorchNameKind::storage, DType::u8},
    {"torch", "BoolStorage", TorchNameKind::storage, DType::boolean},
    {"torch.storage", "UntypedStorage", TorchNameKind::storage, DType::u8},
    // In textual inversions of the first days, with the empty sets of hooks that every module has.
    {"torch.nn.modules.container", "ParameterDict", TorchNameKind::parameter_dict},
    {"__builtin__", "set", TorchNameKind::inert},
    // Beside the above, all that the .ckpt files of Stable Diffusion 1.x mention.
    {"numpy.core.multiarray", "scalar", TorchNameKind::inert},
    {"numpy", "dtype", TorchNameKind::inert},
    {"_codecs", "encode", TorchNameKind::inert},
    {"pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint", TorchNameKind::inert},
};

}  // namespace

const TorchName* find_torch_name(std::string_view module, std::string_view name) {
  for (const TorchName& known : names) {
    if (known.module == module && known.name == name) return &known;
  }
  return nullptr;
}

}  // namespace ipa
