// Calls that diffusers and transformers answered (test/golden/README.md),
// and what it takes to answer them with our networks:
// the tensors of a case, a network described, filled from a weight file and run, and errors gathered by group.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "cpu/cpu_backend.h"
#include "graph/program.h"
#include "models/image_projection.h"
#include "weights/tensor_source.h"

namespace ipa_test {

struct Tensor {
  std::vector<int64_t> shape;
  std::vector<float> values;
  int64_t size(size_t dimension) const { return dimension < shape.size() ? shape[dimension] : 0; }
};

// (n, c, h, w) to (n, h, w, c).
Tensor channels_last(const Tensor& tensor);
// The same values as whole numbers.
std::vector<int32_t> as_ids(const Tensor& tensor);

// The file's JSON; null, with a failed test, when it cannot be read.
ipa::Json read_json_file(const std::string& path);

// One folder of test/golden/models. Whatever is not there fails the running test.
class GoldenFolder {
 public:
  explicit GoldenFolder(const std::string& name);

  // Of a network or file of the folder.
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  const std::string& name() const { return name_; }
  // Cases of a network ("unet", "pipeline", ..) in file order; at least one.
  std::vector<const ipa::Json*> cases(const std::string& network) const;
  static bool has(const ipa::Json& entry, const char* group, const std::string& argument);
  // group: "inputs" or "outputs".
  Tensor tensor(const ipa::Json& entry, const char* group, const std::string& argument) const;
  Tensor input(const ipa::Json& entry, const std::string& argument) const {
    return tensor(entry, "inputs", argument);
  }
  Tensor output(const ipa::Json& entry, const std::string& argument) const {
    return tensor(entry, "outputs", argument);
  }

 private:
  std::string folder_, name_;
  ipa::Json document_;
  std::unique_ptr<ipa::TensorSource> source_;
};

// max |values - reference| / max |reference|; infinite for values that are no numbers and for different counts.
double relative_error(const std::vector<float>& values, const std::vector<float>& reference);

// What the 16 bits of the device under test may cost: half as much again as they cost diffusers itself, at worst, on the small models
// (test/golden/rounding.json, tools/goldens/rounding.py). Networks with random weights are chaotic: an unlucky rounding costs one of them
// ten times the usual, in diffusers as here, and not the same one.
// Of a UNet's result; 0 where there are no 16 bits, or nothing is known.
double lost_in_unet(const std::string& unet);
// Of the latents and the picture of a call, over all models; nothing where there are no 16 bits. The picture's PSNR is diffusers' own.
struct CallRounding {
  double latents = 0, psnr = 0;
};
std::optional<CallRounding> lost_in_calls();

// Checks errors against a limit and prints the largest of the group at the end.
class ErrorReport {
 public:
  // `limit`: of f32, see TestDevice::allowed_of_networks(); `lost`: that much is allowed in any case.
  ErrorReport(std::string group, double limit, double lost = 0);
  ~ErrorReport();
  void add(const std::string& what, double error);

 private:
  std::string group_, worst_of_;
  double limit_, worst_ = 0;
  int count_ = 0;
};

// The kernels of this run, on two threads.
const ipa::CpuBackend& golden_backend();
// The device under test: the same where it is the CPU.
const ipa::Backend& network_backend();

// A network on its way from a description to a result: describe through graph(), then run once.
class NetworkRun {
 public:
  explicit NetworkRun(std::string what);

  ipa::Graph& graph() { return graph_; }
  ipa::Value input(ipa::Shape shape, std::vector<float> values);
  ipa::Value ids(ipa::Shape shape, std::vector<int32_t> values);
  // Keys and values that lie in `memory`.
  ipa::Value keys(ipa::KeyValueShape shape, const ipa::BoundView& memory);
  // Fills the parameters described so far from `weights` and runs;
  // false, with a failed test, when that cannot be done.
  bool run(const ipa::Result<std::unique_ptr<ipa::TensorSource>>& weights,
           const std::vector<ipa::Value>& outputs);
  std::vector<float> result(ipa::Value output);
  ipa::BoundView memory(ipa::Value output) { return program_->view(output); }

 private:
  std::string what_;
  ipa::ParamSet params_;
  ipa::Graph graph_;
  std::map<int32_t, std::vector<float>> floats_;
  std::map<int32_t, std::vector<int32_t>> ids_;
  std::vector<std::pair<ipa::Value, ipa::BoundView>> external_;
  std::unique_ptr<ipa::Program> program_;
};

// The projection of an adapter file, read off the shapes of its tensors;
// also of files without attention layers.
ipa::ImageProjectionConfig projection_of(const ipa::TensorSource& adapter);

}  // namespace ipa_test
