// Weights stored as small numbers with a scale beside them, multiplied while they are read.
#pragma once

#include <memory>

#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

// `source` itself where nothing in it is scaled. Else a source in which every weight that has a scale is f32
// and multiplied, and the tensors that say so are gone. A scale is one number, or one for every row,
// and is called NAME.scale_weight or NAME.weight_scale (of NAME.weight).
// ComfyUI's NAME.comfy_quant, or `_quantization_metadata` in the metadata, says how a layer is stored:
// float8_e4m3fn, float8_e5m2, and int8_tensorwise without a rotation. Scales of activations
// (NAME.scale_input, NAME.input_scale) are for hardware that multiplies in 8 bits, and left out.
// Code::unsupported, naming the layer, for any other way to store one (nvfp4, mxfp8, scales of blocks ...);
// shape and duplicate for scales that do not fit.
Result<std::unique_ptr<TensorSource>> with_scales(std::unique_ptr<TensorSource> source);

}  // namespace ipa
