// Fooocus' inpaint patch: a difference for each of a UNet's tensors, as bytes between a least and a largest value.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

// Whether these are the tensors of such a file: "diffusion_model.NAME.0" in bytes, with .1 and .2, the least and
// the largest value. NAME is a tensor in the original names; torch.save writes the three as one tuple.
bool is_inpaint_patch(const TensorSource& source);

struct InpaintPatch {
  std::string file;
  float weight = 1;
};

// `base`, in diffusers' names, plus weight * (byte / 255 * (largest - least) + least) in every tensor that the file
// has; `base` itself where the weight is 0. `changed` gets their names.
// Code::mismatch (no such file, or a tensor that the UNet does not have), missing_tensor (one of three), type, shape,
// unsupported (a file of another family); errors of open_weight_file. Of reading: range (no finite number).
Result<std::unique_ptr<TensorSource>> with_inpaint_patch(std::unique_ptr<TensorSource> base,
                                                         const InpaintPatch& patch,
                                                         std::set<std::string>* changed);

}  // namespace ipa
