// A plan with its memory: an arena, and buffers for the inputs and outputs that nobody else provides.
#pragma once

#include <memory>
#include <vector>

#include "base/aligned_buffer.h"
#include "graph/backend.h"
#include "graph/plan.h"
#include "graph/workspace.h"

namespace ipa {

class Program {
 public:
  // Plans the graph and takes the memory; values in `external` live in memory the caller binds before
  // `prepare`. Programs of one workspace share its arena and must run one after the other; without one, the
  // program has its own. In a dry workspace nothing is taken, addresses are null and running does nothing.
  static Result<std::unique_ptr<Program>> make(Graph graph, const Backend& backend,
                                               const std::vector<Value>& external = {},
                                               Workspace* workspace = nullptr);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Memory of an external value; it must outlive the program's runs.
  void bind(Value value, void* memory);
  // Resolves every address. Call once, after the last bind.
  Status prepare();
  Status run(const CancelFlag* cancel = nullptr, StepSeconds* seconds = nullptr);

  float* floats(Value bound) { return static_cast<float*>(memory_of(bound)); }
  int32_t* ids(Value bound) { return static_cast<int32_t*>(memory_of(bound)); }
  // Shape of any recorded value.
  const Shape& shape(Value value) const { return plan_.graph().shape(value); }
  const Plan& plan() const { return plan_; }
  // What it needs: arena and own buffers.
  size_t memory_bytes() const { return plan_.arena_bytes() + held_; }

 private:
  Program(Plan plan, const Backend& backend, Workspace* workspace)
      : plan_(std::move(plan)), backend_(backend), workspace_(workspace ? *workspace : own_workspace_) {}
  void* memory_of(Value bound);
  Status compile();

  Plan plan_;
  const Backend& backend_;
  Workspace own_workspace_;
  Workspace& workspace_;
  size_t held_ = 0;
  std::vector<AlignedBuffer> owned_;
  std::vector<void*> bindings_;
  std::unique_ptr<Executable> executable_;
  const uint8_t* compiled_for_ = nullptr;  // the arena's address at that time
};

}  // namespace ipa
