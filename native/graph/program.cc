#include "graph/program.h"

#include <algorithm>

namespace ipa {
namespace {

Status does_not_fit() { return Status(Code::internal, "a bound value was read or written beyond its end"); }

}  // namespace

Result<std::unique_ptr<Program>> Program::plan(Graph graph, const Backend& backend,
                                               const std::vector<Value>& external) {
  IPA_ASSIGN(Plan plan, Plan::make(std::move(graph), backend));
  std::unique_ptr<Program> program(new Program(std::move(plan), backend));
  const auto& bound = program->plan_.bound_values();
  program->bindings_.assign(bound.size(), nullptr);
  for (size_t i = 0; i < bound.size(); ++i) {
    const bool is_external =
        std::any_of(external.begin(), external.end(), [&](Value value) { return value.id == bound[i].id; });
    program->external_.push_back(is_external);
    if (!is_external) program->own_bytes_ += program->plan_.bound_bytes(i);
  }
  return program;
}

Result<std::unique_ptr<Program>> Program::make(Graph graph, const Backend& backend,
                                               const std::vector<Value>& external) {
  IPA_ASSIGN(std::unique_ptr<Program> program, Program::plan(std::move(graph), backend, external));
  IPA_TRY(program->take(program->own_workspace_));
  return program;
}

Program::~Program() {
  if (workspace_) workspace_->drop(held_);
}

Status Program::take(Workspace& workspace) {
  workspace_ = &workspace;
  IPA_TRY(workspace.require(backend_.memory(), plan_.arena_bytes()));
  for (size_t i = 0; i < bindings_.size(); ++i) {
    if (external_[i]) continue;
    const size_t bytes = plan_.bound_bytes(i);
    workspace.hold(bytes);
    held_ += bytes;
    owned_.emplace_back(backend_.memory(), bytes);
    if (!owned_.back()) return backend_.memory().no_memory(bytes, "out of memory for inputs and outputs");
    owned_.back().view().fill_with_zeros();
    bindings_[i] = owned_.back().address();
  }
  return {};
}

void Program::bind(Value value, const BoundView& memory) {
  const int index = plan_.binding_of(value);
  if (index >= 0) bindings_[static_cast<size_t>(index)] = memory.address();
}

Status Program::prepare(Workspace& workspace) {
  IPA_TRY(take(workspace));
  return prepare();
}

Status Program::prepare() {
  IPA_ASSIGN(visit_, plan_.graph().params()->visit());
  for (void* binding : bindings_)
    if (!binding) return Status(Code::internal, "a value of the graph was left unbound");
  for (const Step& step : plan_.steps())
    for (const Param* param : step.node->params)
      if (param && !param->data)
        return Status(Code::internal, "parameter " + param->names.front() + " was never loaded");
  // Here, where there may be no memory for it, rather than with the first run.
  IPA_ASSIGN(const ArenaLease arena, workspace_->lease(backend_.memory(), plan_.arena_bytes()));
  return compile(arena.address());
}

Status Program::compile(uint8_t* arena) {
  compiled_for_ = arena;
  IPA_ASSIGN(executable_, backend_.compile(plan_, arena, bindings_));
  return {};
}

Status Program::run(const CancelFlag* cancel, StepSeconds* seconds) {
  Turn* turn = workspace_->turn();
  return turn && !seconds ? turn->run({this}, cancel) : run_now({cancel, seconds});
}

Status Program::run_all(const std::vector<Program*>& programs, const CancelFlag* cancel) {
  if (Turn* turn = programs.front()->workspace_->turn()) return turn->run(programs, cancel);
  for (Program* program : programs) IPA_TRY(program->run_now({cancel}));
  return {};
}

Status Program::run_now(const RunTerms& terms) {
  IPA_ASSIGN(const ArenaLease arena, workspace_->lease(backend_.memory(), plan_.arena_bytes()));
  if (compiled_for_ != arena.address()) IPA_TRY(compile(arena.address()));
  return executable_->run(terms);
}

const GraphKey& Program::key() {
  if (!key_) key_ = graph_key(plan_.graph());
  return *key_;
}

BoundView Program::view(Value bound) const {
  const int index = plan_.binding_of(bound);
  if (index < 0) return {};
  const auto i = static_cast<size_t>(index);
  return {&backend_.memory(), static_cast<uint8_t*>(bindings_[i]), plan_.bound_bytes(i)};
}

BoundView Program::items(Value bound, int64_t first, int64_t count) const {
  const Node& node = plan_.graph().node(bound);
  KeyValueShape kv = node.kv;
  kv.batch = 1;
  const size_t each = node.storage == Storage::packed_kv
                          ? backend_.packed_kv_bytes(kv)
                          : static_cast<size_t>(node.shape.elements() / node.shape.n) * sizeof(float);
  return view(bound).part(static_cast<size_t>(first) * each, static_cast<size_t>(count) * each);
}

Status Program::write(Value bound, size_t at, const void* from, size_t bytes) {
  const BoundView memory = view(bound);
  if (!memory || at > memory.bytes() || bytes > memory.bytes() - at) return does_not_fit();
  memory.write(at, from, bytes);
  return {};
}

Status Program::read(Value bound, size_t at, void* to, size_t bytes) const {
  const BoundView memory = view(bound);
  if (!memory || at > memory.bytes() || bytes > memory.bytes() - at) return does_not_fit();
  memory.read(at, to, bytes);
  return memory.status();
}

}  // namespace ipa
