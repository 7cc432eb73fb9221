#include "networks.h"

#include <cstring>

#include "base/float16.h"
#include "models/compute_choice.h"

namespace ipa_bench {
namespace {

using ipa::Code;
using ipa::Graph;
using ipa::Result;
using ipa::Status;
using ipa::Value;

// Small numbers of both signs, the same every time;
// what they are does not matter to speed as long as none is a denormal.
void fill(float* to, size_t count, float reach) {
  static const std::vector<float> pattern = [] {
    std::vector<float> values(8191);
    uint32_t state = 1;
    for (float& value : values) {
      state = state * 1664525u + 1013904223u;
      value = static_cast<float>(state >> 8) / static_cast<float>(1 << 23) - 1.0f + 1e-4f;
    }
    return values;
  }();
  for (size_t i = 0; i < count; ++i) to[i] = reach * pattern[i % pattern.size()];
}

Status pack(ipa::Param& param, const ipa::StoredTensors& stored, const ipa::Backend& backend) {
  std::vector<uint8_t> packed(backend.packed_bytes(param));
  backend.pack(param, stored, packed.data());
  param.data = ipa::Memory(backend.memory(), packed.size());
  if (!param.data) return Status(Code::no_memory, "out of memory");
  param.data.view().write(0, packed.data(), packed.size());
  return {};
}

}  // namespace

Result<ipa::Plan> plan_for_gpu(const Choice& choice, const ipa::Backend& backend, ipa::ParamSet& params) {
  Choice floats = choice;
  floats.compute = ipa::Compute::f32;
  Graph declaring(&params);
  IPA_TRY(ipa::describe_known(declaring, floats, params).status());
  ipa::choose_compute(params, {choice.compute, true});
  Graph graph(&params);
  IPA_TRY(ipa::describe_known(graph, floats, params).status());
  for (const auto& param : params.all()) param->halves = false;
  return ipa::Plan::make(std::move(graph), backend);
}

Status Network::prepare(Graph graph, const ipa::KnownInputs& inputs, const ipa::Backend& backend) {
  IPA_TRY(graph.status());
  std::vector<Value> external;
  for (const auto& [value, shape] : inputs.keys) external.push_back(value);
  IPA_ASSIGN(program, ipa::Program::make(std::move(graph), backend, external));
  for (const auto& [value, shape] : inputs.keys) {
    bound.emplace_back(backend.memory(), backend.packed_kv_bytes(shape));
    if (!bound.back()) return Status(Code::no_memory, "out of memory");
    std::vector<float> floats(bound.back().bytes() / sizeof(float));
    fill(floats.data(), floats.size(), 1.0f);
    bound.back().view().write(0, floats.data(), floats.size() * sizeof(float));
    program->bind(value, bound.back().view());
  }
  IPA_TRY(program->prepare());
  for (const Value value : inputs.random) {
    std::vector<float> floats(static_cast<size_t>(program->shape(value).elements()));
    fill(floats.data(), floats.size(), 1.0f);
    IPA_TRY(program->set(value, floats));
  }
  return {};
}

Result<std::unique_ptr<Network>> Network::make(const Choice& choice, const ipa::Backend& backend) {
  auto network = std::make_unique<Network>();
  Graph graph(&network->params);
  IPA_ASSIGN(const ipa::KnownInputs inputs, ipa::describe_known(graph, choice, network->params));
  std::vector<float> floats;
  std::vector<uint16_t> halves;
  for (const auto& param : network->params.all()) {
    // As checkpoints in f16 are loaded.
    ipa::StoredTensors stored;
    stored.halves = param->role != ipa::ParamRole::vector;
    const auto each = static_cast<size_t>(param->elements_each());
    floats.resize(each * param->names.size());
    fill(floats.data(), floats.size(), 0.02f);
    halves.resize(floats.size());
    if (stored.halves)
      for (size_t i = 0; i < floats.size(); ++i) halves[i] = ipa::f32_to_f16(floats[i]);
    for (size_t i = 0; i < param->names.size(); ++i)
      stored.tensors.push_back(stored.halves ? static_cast<const void*>(halves.data() + i * each)
                                             : floats.data() + i * each);
    IPA_TRY(pack(*param, stored, backend));
  }
  IPA_TRY(network->prepare(std::move(graph), inputs, backend));
  return network;
}

}  // namespace ipa_bench
