// Whole models in one file under the original names (LDM, sgm): told by their tensors,
// which also give the configuration that a diffusers folder has in its config.json files.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "configs/unet_config.h"
#include "configs/vae_config.h"
#include "weights/describe/accounting.h"
#include "weights/describe/original_text.h"
#include "weights/describe/prediction_marks.h"
#include "weights/tensor_source.h"

namespace ipa {

using SingleFileText = OriginalText;

struct SingleFile {
  std::string family;  // "sd1", "sd2", "sdxl"
  std::string unet_prefix, vae_prefix;
  std::optional<UNetConfig> unet;
  std::optional<VaeConfig> vae;
  Json scheduler;  // as a diffusers folder's scheduler_config.json, but for the prediction
  PredictionMarks marks;
  Found<std::string> usual_prediction;  // where nothing is marked
  std::vector<SingleFileText> text;
};

// What the latents of a family's VAE are multiplied by.
double usual_scaling_factor(const std::string& family);

// Whether these are the tensors of such a file.
bool is_single_file(const TensorSource& source);
// "sd1", "sd2" or "sdxl"; "" when it is none. missing_tensor for a UNet without a first layer.
Result<std::string> single_file_family(const TensorSource& source);
// Code::unsupported for a family that does not run here,
// missing_tensor for a file without a VAE or text encoder, naming what to pass instead.
Result<SingleFile> read_single_file(const TensorSource& source);
// A UNet by itself in the original naming, with or without a prefix; whether it is one.
bool is_single_unet(const TensorSource& source);
Result<SingleFile> read_single_unet(const TensorSource& source);
// A VAE by itself in the original naming, with or without a prefix;
// `scaling` is the model family's scaling factor.
Result<SingleFile> read_single_vae(const TensorSource& source, double scaling);

// The networks of a file, and where their tensors stand.
std::vector<NetworkScope> single_file_scopes(const SingleFile& file);

// The network's tensors `names` from the file.
// Code::unsupported when the file has more of the network (account_for).
Result<std::unique_ptr<TensorSource>> single_file_unet(const SingleFile& file,
                                                       std::unique_ptr<TensorSource> source,
                                                       const std::vector<std::string>& names);
Result<std::unique_ptr<TensorSource>> single_file_vae(const SingleFile& file,
                                                      std::unique_ptr<TensorSource> source,
                                                      const std::vector<std::string>& names);
Result<std::unique_ptr<TensorSource>> single_file_text(const SingleFileText& text,
                                                       std::unique_ptr<TensorSource> source,
                                                       const std::vector<std::string>& names);

}  // namespace ipa
