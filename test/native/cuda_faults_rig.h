// Whole pipelines on GPUs that put work off and fail on demand (test/cuda-emulator/fake_api.h), with the small models of
// test/golden.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "emulated_api.h"
#include "fake_api.h"
#include "golden_pipeline.h"
#include "harness.h"
#include "kept_device_kind.h"
#include "pipeline/engine.h"

namespace cuda_faults {

using cuda_emulator::Call;
using cuda_emulator::FakeGpu;
using cuda_emulator::Fault;
using cuda_emulator::Pace;
using ipa::Code;
using ipa::GenerateRequest;
using ipa::GenerateResult;
using ipa::LoadRequest;
using ipa::ModelSet;
using ipa::Result;
using ipa::Status;

using Models = std::unique_ptr<ModelSet>;

// "cuda" as a kind of device, for as long as this lives: fake GPUs, or emulated ones that do all at once. What is loaded on
// them must be gone before: then nothing of theirs may be left, and nothing illegal have been done.
class Gpus {
 public:
  explicit Gpus(const FakeGpu& settings = {}, uint64_t memory_bytes = uint64_t{1} << 30);
  struct Emulated {};
  explicit Gpus(Emulated);
  ~Gpus();
  Gpus(const Gpus&) = delete;
  Gpus& operator=(const Gpus&) = delete;

 private:
  const ipa_test::KeptDeviceKind kept_{"cuda"};
  void add(const GpuApi& api);
};

FakeGpu fake_of(Pace pace, uint32_t seed = 1);

// SD 1.5 in miniature with the adapters "base" and "plus", all of it on `device`.
LoadRequest small_model(const std::string& device = "cuda");
// The same with the controls "canny" and "t2i-full", and a UNet that fits them.
LoadRequest small_model_with_controls(const std::string& device = "cuda");
// SDXL in miniature with the adapter "base".
LoadRequest small_xl_model(const std::string& device = "cuda");
Result<Models> load(const LoadRequest& request);
// Null and a failed test when it cannot be loaded.
Models loaded(const LoadRequest& request);

// A picture of 64 x 64 in two steps, with guidance.
GenerateRequest small_call();
ipa::ImageBranch branch_of(int adapter, float scale = 0.7f, size_t pictures = 1);
// Empty and a failed test when it cannot be made.
GenerateResult made(const ModelSet& models, const GenerateRequest& request);

// Latents, pictures and attention maps.
bool same(const GenerateResult& a, const GenerateResult& b);
bool contains(const std::string& text, const char* part);

// Device memory in use.
inline uint64_t taken_bytes() { return cuda_emulator::emulated_counters().taken_bytes; }

}  // namespace cuda_faults
