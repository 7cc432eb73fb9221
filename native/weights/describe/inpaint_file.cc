#include "weights/describe/inpaint_file.h"

#include <string_view>

#include "base/utf8.h"
#include "weights/changes/inpaint_patch.h"
#include "weights/dtype.h"
#include "weights/formats/weight_file.h"
#include "weights/names/name_parts.h"
#include "weights/names/renamed_source.h"
#include "weights/shape_text.h"

namespace ipa {

bool is_inpaint_head(const TensorSource& source) {
  if (source.tensors().size() != 1) return false;
  const TensorInfo& only = source.tensors().front();
  return only.name == "head" && only.shape.size() == 4 && only.shape[2] == 3 && only.shape[3] == 3;
}

Result<std::unique_ptr<TensorSource>> open_inpaint_head(const std::string& path, int64_t latent_channels,
                                                        int64_t width, const std::string& name) {
  IPA_ASSIGN(std::unique_ptr<TensorSource> source, open_weight_file(path));
  const std::string where = in_quotes(path, 1024);
  if (!is_inpaint_head(*source))
    return Status(Code::mismatch,
                  where + ": this is no inpaint head of Fooocus (one tensor \"head\" of 3x3 weights)" +
                      (is_inpaint_patch(*source) ? ", it is a patch: pass it as inpaint.patch"
                                                 : ": pass fooocus_inpaint_head.pth"));
  const std::vector<int64_t> shape = source->tensors().front().shape;
  if (shape[0] != width || shape[1] != 1 + latent_channels)
    return Status(Code::mismatch, where + ": this inpaint head was made for another UNet (\"head\" is " +
                                      shape_text(shape) + ", the model needs " +
                                      shape_text({width, 1 + latent_channels, 3, 3}) +
                                      "): use one made for this model family");
  return rename_tensors(std::move(source), {{0, name, shape}});
}

IgnoredTensors ignored_in_inpaint_patch(const TensorSource& source) {
  IgnoredTensors ignored;
  for (const TensorInfo& info : source.tensors()) {
    const std::string_view name = info.name;
    const bool numbered = ends_with(name, ".0") || ends_with(name, ".1") || ends_with(name, ".2");
    if (!numbered || !begins_with(name, "diffusion_model.")) ignored.add(info.name);
  }
  return ignored;
}

}  // namespace ipa
