// A graph under test: random inputs and weights, built for the device under test or one table of kernels of the CPU, run,
// and compared with the f64 reference.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/block_codes.h"
#include "check/reference_graph.h"
#include "cpu/cpu_backend.h"
#include "graph/program.h"
#include "random.h"
#include "test_device.h"
#include "weights/tensor_source.h"

namespace ipa_test {

// The one tolerance of these tests:
// the largest error of a tensor against the largest magnitude of its f64 reference.
// It allows for f32 sums of the few thousand terms that occur here and for the 4e-7 of an activation.
constexpr double tolerance = 4e-6;
// For values dozens of ops deep, where the errors of all ops add up.
constexpr double deep_tolerance = 10 * tolerance;

// The kernels that NODE_IP_ADAPTER_ISA names, or the strongest.
const ipa::Kernels& test_kernels();

class GraphRig {
 public:
  explicit GraphRig(uint64_t seed);
  GraphRig(uint64_t seed, const ipa::Kernels& kernels, int threads = 2);

  // For describing, until build.
  ipa::Graph graph;
  ipa::Value input(ipa::Shape shape, float low = -1, float high = 1);
  ipa::Value ids(ipa::Shape shape, int64_t limit);
  ipa::Value scalar(float value);
  ipa::Value output(ipa::Value value);
  // Contents of an input, to be changed before a run.
  std::vector<float>& floats(ipa::Value input) { return inputs_.floats.at(input.id); }
  // Of an input that the graph made by itself.
  void set(ipa::Value input, std::vector<float> values) { inputs_.floats[input.id] = std::move(values); }

  // What all matrices are multiplied in; before build.
  void use(ipa::Compute compute);
  // Rounds the weights that will be drawn to what binary16 holds.
  void round_weights() { round_weights_ = true; }
  // Keeps all matrices and tables as binary16; before build.
  void use_halves();
  // Packs matrices from binary16, whatever they are kept as.
  void store_halves() { stored_halves_ = true; }
  // Draws matrices as a file of these types has them: tensor i of a parameter in type i, then from the first type again. They
  // are kept so where the device multiplies such weights; before build.
  void use_blocks(std::vector<ipa::DType> types) { block_types_ = std::move(types); }
  // Draws the weights and plans. A failure is a failed check.
  bool build();
  // The same with the weights of another rig, whose graph has the same parameters.
  bool build_with_weights_of(const GraphRig& other);
  ipa::Program& program() { return *program_; }
  int64_t steps() const { return static_cast<int64_t>(program_->plan().steps().size()); }
  // Copies the inputs in, spoils the outputs, runs.
  bool run();
  // An output of the last run.
  std::vector<float> result(ipa::Value output);
  // Builds if need be, runs twice (the same bits each time)
  // and compares every output with the reference; `allowed`: the error.
  void check(const std::string& what, double allowed = tolerance);
  // Every value of the built graph by the reference.
  std::vector<ipa_ref::Tensor> expected();

  // Bytes of all packed weights.
  size_t weight_bytes() const { return params_.bytes(); }
  // Whether all matrices are kept in blocks.
  bool keeps_blocks() const;

 private:
  void draw_weights();
  void draw_blocks(const ipa::Param& param, std::vector<float>& values);
  void keep_blocks();
  void use_device_types();
  // As the device under test takes it.
  float rounded(float value) const;
  bool pack_and_plan();
  void record(ipa::Value output, double error) const;

  bool round_weights_ = false, stored_halves_ = false;
  ipa::ParamSet params_;
  std::shared_ptr<const ipa::Backend> backend_;
  bool on_test_device_ = false, uses_bytes_ = false;
  Random random_;
  ipa_ref::Inputs inputs_;
  ipa_ref::ParamValues param_values_;
  std::vector<ipa::DType> block_types_;
  std::map<const ipa::Param*, std::vector<ipa::BlockCodes>> blocks_;
  std::unique_ptr<ipa::Program> program_;
};

using ipa_ref::relative_error;
// Equal bit for bit.
bool same_bits(const std::vector<float>& a, const std::vector<float>& b);
std::string to_string(const ipa::Shape& shape);

// Builds the graph twice, as it is and with every value an output so that nothing can be fused:
// the first plan must have `steps` steps and both give the same bits, close to the reference.
// `describe` returns the final value.
void check_fusion(const std::string& what, int64_t steps, const std::function<ipa::Value(GraphRig&)>& describe);

}  // namespace ipa_test
