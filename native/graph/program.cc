#include "graph/program.h"

#include <algorithm>
#include <cstring>

namespace ipa {

Result<std::unique_ptr<Program>> Program::make(Graph graph, const Backend& backend,
                                               const std::vector<Value>& external, Workspace* workspace) {
  IPA_ASSIGN(Plan plan, Plan::make(std::move(graph), backend));
  for (const Step& step : plan.steps())
    for (const Param* param : step.node->params)
      if (param && !param->data)
        return Status(Code::internal, "parameter " + param->names.front() + " was never loaded");
  std::unique_ptr<Program> program(new Program(std::move(plan), backend, workspace));
  IPA_TRY(program->workspace_.require(program->plan_.arena_bytes()));
  const auto& bound = program->plan_.bound_values();
  program->bindings_.assign(bound.size(), nullptr);
  for (size_t i = 0; i < bound.size(); ++i) {
    const bool is_external =
        std::any_of(external.begin(), external.end(), [&](Value value) { return value.id == bound[i].id; });
    if (is_external) continue;
    const size_t bytes = program->plan_.bound_bytes(i);
    program->workspace_.hold(bytes);
    program->held_ += bytes;
    if (program->workspace_.dry()) continue;
    program->owned_.emplace_back(bytes);
    if (!program->owned_.back()) return Status(Code::no_memory, "out of memory for inputs and outputs");
    std::memset(program->owned_.back().data(), 0, program->owned_.back().bytes());
    program->bindings_[i] = program->owned_.back().data();
  }
  return program;
}

Program::~Program() { workspace_.drop(held_); }

void Program::bind(Value value, void* memory) {
  const int index = plan_.binding_of(value);
  if (index >= 0) bindings_[static_cast<size_t>(index)] = memory;
}

Status Program::prepare() {
  if (workspace_.dry()) return {};
  for (void* binding : bindings_)
    if (!binding) return Status(Code::internal, "a value of the graph was left unbound");
  return compile();
}

Status Program::compile() {
  compiled_for_ = workspace_.arena();
  IPA_ASSIGN(executable_, backend_.compile(plan_, workspace_.arena(), bindings_));
  return {};
}

Status Program::run(const CancelFlag* cancel, StepSeconds* seconds) {
  if (workspace_.dry()) return {};
  // A program made later may have asked for a larger arena.
  if (compiled_for_ != workspace_.arena()) IPA_TRY(compile());
  return executable_->run(cancel, seconds);
}

void* Program::memory_of(Value bound) {
  const int index = plan_.binding_of(bound);
  return index < 0 ? nullptr : bindings_[static_cast<size_t>(index)];
}

}  // namespace ipa
