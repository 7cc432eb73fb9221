// A plan with its memory: the arena, and buffers for the inputs and outputs that nobody else provides.
#pragma once

#include <memory>
#include <vector>

#include "base/aligned_buffer.h"
#include "graph/backend.h"
#include "graph/plan.h"

namespace ipa {

class Program {
 public:
  // Plans the graph and takes the memory; values in `external` live in memory the caller binds before
  // `prepare`.
  static Result<std::unique_ptr<Program>> make(Graph graph, const Backend& backend,
                                               const std::vector<Value>& external = {});
  // Memory of an external value; it must outlive the program's runs.
  void bind(Value value, void* memory);
  // Resolves every address. Call once, after the last bind.
  Status prepare();
  Status run(const CancelFlag* cancel = nullptr, StepSeconds* seconds = nullptr) {
    return executable_->run(cancel, seconds);
  }

  float* floats(Value bound) { return static_cast<float*>(memory_of(bound)); }
  int32_t* ids(Value bound) { return static_cast<int32_t*>(memory_of(bound)); }
  // Shape of any recorded value.
  const Shape& shape(Value value) const { return plan_.graph().shape(value); }
  const Plan& plan() const { return plan_; }
  // Arena and own buffers.
  size_t memory_bytes() const;

 private:
  Program(Plan plan, const Backend& backend) : plan_(std::move(plan)), backend_(backend) {}
  void* memory_of(Value bound);

  Plan plan_;
  const Backend& backend_;
  AlignedBuffer arena_;
  std::vector<AlignedBuffer> owned_;
  std::vector<void*> bindings_;
  std::unique_ptr<Executable> executable_;
};

}  // namespace ipa
