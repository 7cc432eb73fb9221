#include "graph/merged_program.h"

#include <utility>

namespace ipa {
namespace {

bool is_input(const Program& program, Value bound) {
  return program.plan().graph().node(bound).op == Op::input;
}

}  // namespace

Result<std::unique_ptr<MergedProgram>> MergedProgram::make(Program& like, int copies, ArenaKeeper& arenas) {
  IPA_ASSIGN(std::unique_ptr<Program> program, like.plan_copies()(copies));
  const std::vector<Value>&bound = program->plan().bound_values(), &of_one = like.plan().bound_values();
  if (bound.size() != of_one.size())
    return Status(Code::internal, "a shared graph has other inputs than its own");
  for (size_t i = 0; i < bound.size(); ++i) {
    const size_t part = like.plan().bound_bytes(i) * static_cast<size_t>(copies);
    const size_t all = program->plan().bound_bytes(i);
    const bool fits = is_input(like, of_one[i]) ? part > 0 && all % part == 0 : all == part;
    if (!fits) return Status(Code::internal, "a shared graph does not hold its copies side by side");
  }
  std::unique_ptr<MergedProgram> self(new MergedProgram(like.key(), copies, arenas, std::move(program)));
  IPA_TRY(self->program_->prepare(self->workspace_));
  return self;
}

Status MergedProgram::run(const std::vector<Program*>& members, const RunTerms& terms) {
  const std::vector<Value>& bound = program_->plan().bound_values();
  for (size_t i = 0; i < bound.size(); ++i) {
    if (!is_input(*program_, bound[i])) continue;
    const BoundView all = program_->view(bound[i]);
    size_t at = 0;
    for (Program* member : members) {
      const BoundView part = member->view(member->plan().bound_values()[i]);
      // One item for all of a member's batch stands here once for each of its items.
      const size_t end = at + all.bytes() / members.size();
      for (; at < end; at += part.bytes()) all.copy(at, part);
    }
  }
  IPA_TRY(program_->run_now(terms));
  for (size_t i = 0; i < bound.size(); ++i) {
    if (is_input(*program_, bound[i])) continue;
    const BoundView all = program_->view(bound[i]);
    size_t at = 0;
    for (Program* member : members) {
      const BoundView part = member->view(member->plan().bound_values()[i]);
      part.copy(0, all.part(at, part.bytes()));
      at += part.bytes();
    }
  }
  return {};
}

}  // namespace ipa
