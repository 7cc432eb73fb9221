// One program in place of several calls' whose graphs are alike: their items lie side by side in its batch.
#pragma once

#include <memory>
#include <vector>

#include "base/status.h"
#include "graph/program.h"

namespace ipa {

class MergedProgram {
 public:
  // In place of `copies` programs like this one, see Program::share(). `arenas` outlives it. Errors as of
  // Program::plan() and prepare().
  static Result<std::unique_ptr<MergedProgram>> make(Program& like, int copies, ArenaKeeper& arenas);

  const GraphKey& key() const { return key_; }
  int copies() const { return copies_; }
  // `members`: as many as copies(). Their inputs are read and their outputs written as if each had run.
  Status run(const std::vector<Program*>& members, const RunTerms& terms);

 private:
  MergedProgram(const GraphKey& key, int copies, ArenaKeeper& arenas, std::unique_ptr<Program> program)
      : key_(key), copies_(copies), workspace_(&arenas), program_(std::move(program)) {}

  GraphKey key_;
  int copies_;
  Workspace workspace_;
  std::unique_ptr<Program> program_;
};

}  // namespace ipa
