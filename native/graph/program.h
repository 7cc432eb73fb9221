// A plan with its memory: an arena, and buffers for the inputs and outputs that nobody else provides.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "graph/backend.h"
#include "graph/graph_key.h"
#include "graph/memory.h"
#include "graph/plan.h"
#include "graph/workspace.h"

namespace ipa {

class Program {
 public:
  // Plans the graph and takes no memory. Values in `external` lie in memory that is bound before prepare().
  static Result<std::unique_ptr<Program>> plan(Graph graph, const Backend& backend,
                                               const std::vector<Value>& external = {});
  // The same, and takes its memory in a workspace of its own.
  static Result<std::unique_ptr<Program>> make(Graph graph, const Backend& backend,
                                               const std::vector<Value>& external = {});
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Memory of an external value; it must outlive the program's runs.
  void bind(Value value, const BoundView& memory);
  // Takes the memory, after which inputs are zeros, and resolves every address. Once, after the last bind().
  // Programs of one workspace must run one after the other; it outlives them.
  Status prepare(Workspace& workspace);
  // The same of a program that has its memory.
  Status prepare();
  bool prepared() const { return executable_ != nullptr; }
  // When the call's turn has come, see Turn. `seconds`: at once.
  Status run(const CancelFlag* cancel = nullptr, StepSeconds* seconds = nullptr);
  Status run_now(const RunTerms& terms);
  // Programs of one workspace whose graphs are alike, in any order or at once.
  static Status run_all(const std::vector<Program*>& programs, const CancelFlag* cancel);

  // Programs of several calls whose graphs are alike may run as one: `plan` plans the same graph with `copies` times as
  // many items in its batch, of nothing that a call owns. Inputs of one item for all of a batch have one for each there.
  using PlanCopies = std::function<Result<std::unique_ptr<Program>>(int copies)>;
  void share(PlanCopies plan) { plan_copies_ = std::move(plan); }
  const PlanCopies& plan_copies() const { return plan_copies_; }
  // The same of programs whose graphs are alike, weights included.
  const GraphKey& key();
  // It runs from end to end once it has begun, rather than let others in between its kernels.
  void set_whole() { whole_ = true; }
  bool whole() const { return whole_; }

  // The memory of an input or output, empty before it is there; and `count` items of its batch from `first` on.
  BoundView view(Value bound) const;
  BoundView items(Value bound, int64_t first, int64_t count) const;
  // Copies values in and out. `first`: the element to begin at. Code::internal when they do not fit.
  template <class T>
  Status set(Value bound, const std::vector<T>& values, size_t first = 0) {
    return write(bound, first * sizeof(T), values.data(), values.size() * sizeof(T));
  }
  template <class T>
  Status get(Value bound, std::vector<T>& values, size_t first = 0) const {
    return read(bound, first * sizeof(T), values.data(), values.size() * sizeof(T));
  }
  // For tests.
  float* floats(Value bound) { return reinterpret_cast<float*>(view(bound).address()); }
  int32_t* ids(Value bound) { return reinterpret_cast<int32_t*>(view(bound).address()); }

  // Shape of any recorded value.
  const Shape& shape(Value value) const { return plan_.graph().shape(value); }
  const Plan& plan() const { return plan_; }
  // Where its memory is.
  const MemorySpace& space() const { return backend_.memory(); }
  // What it needs: an arena, which it may share, and buffers of its own.
  size_t arena_bytes() const { return plan_.arena_bytes(); }
  size_t own_bytes() const { return own_bytes_; }
  size_t memory_bytes() const { return arena_bytes() + own_bytes(); }

 private:
  Program(Plan plan, const Backend& backend) : plan_(std::move(plan)), backend_(backend) {}
  Status take(Workspace& workspace);
  Status compile(uint8_t* arena);
  Status write(Value bound, size_t at, const void* from, size_t bytes);
  Status read(Value bound, size_t at, void* to, size_t bytes) const;

  Plan plan_;
  const Backend& backend_;
  Workspace own_workspace_;
  Workspace* workspace_ = nullptr;
  std::vector<bool> external_;  // of the plan's bound values
  size_t own_bytes_ = 0;        // of the others
  size_t held_ = 0;
  std::vector<Memory> owned_;
  std::vector<void*> bindings_;
  WeightsVisit visit_;  // of its parameters, where they rest
  std::unique_ptr<Executable> executable_;
  const uint8_t* compiled_for_ = nullptr;  // the arena's address at that time
  PlanCopies plan_copies_;
  std::optional<GraphKey> key_;
  bool whole_ = false;
};

}  // namespace ipa
