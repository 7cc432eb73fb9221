#include "graph/program.h"

#include <algorithm>
#include <cstring>

namespace ipa {

Result<std::unique_ptr<Program>> Program::make(Graph graph, const Backend& backend,
                                               const std::vector<Value>& external) {
  IPA_ASSIGN(Plan plan, Plan::make(std::move(graph), backend));
  for (const Step& step : plan.steps())
    for (const Param* param : step.node->params)
      if (param && !param->data)
        return Status(Code::internal, "parameter " + param->names.front() + " was never loaded");
  std::unique_ptr<Program> program(new Program(std::move(plan), backend));
  program->arena_ = AlignedBuffer(program->plan_.arena_bytes());
  if (!program->arena_)
    return Status(Code::no_memory, "out of memory: " + std::to_string(program->plan_.arena_bytes() >> 20) +
                                       " MB of working memory cannot be had, use a smaller picture");
  const auto& bound = program->plan_.bound_values();
  program->bindings_.assign(bound.size(), nullptr);
  for (size_t i = 0; i < bound.size(); ++i) {
    const bool is_external =
        std::any_of(external.begin(), external.end(), [&](Value value) { return value.id == bound[i].id; });
    if (is_external) continue;
    program->owned_.emplace_back(program->plan_.bound_bytes(i));
    if (!program->owned_.back()) return Status(Code::no_memory, "out of memory for inputs and outputs");
    std::memset(program->owned_.back().data(), 0, program->owned_.back().bytes());
    program->bindings_[i] = program->owned_.back().data();
  }
  return program;
}

void Program::bind(Value value, void* memory) {
  const int index = plan_.binding_of(value);
  if (index >= 0) bindings_[static_cast<size_t>(index)] = memory;
}

Status Program::prepare() {
  for (void* binding : bindings_)
    if (!binding) return Status(Code::internal, "a value of the graph was left unbound");
  IPA_ASSIGN(executable_, backend_.compile(plan_, arena_.data(), bindings_));
  return {};
}

void* Program::memory_of(Value bound) {
  const int index = plan_.binding_of(bound);
  return index < 0 ? nullptr : bindings_[static_cast<size_t>(index)];
}

size_t Program::memory_bytes() const {
  size_t bytes = arena_.bytes();
  for (const AlignedBuffer& buffer : owned_) bytes += buffer.bytes();
  return bytes;
}

}  // namespace ipa
