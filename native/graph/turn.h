// Whose work a backend does now, where several calls share it.
#pragma once

#include <cstddef>
#include <vector>

#include "base/status.h"
#include "graph/backend.h"

namespace ipa {

class Program;

// Of one call. Used by the call's own thread.
class Turn {
 public:
  virtual ~Turn() = default;
  // Runs the programs, whose graphs are alike, when the call's turn has come. Code::cancelled, and errors of the programs.
  virtual Status run(const std::vector<Program*>& programs, const CancelFlag* cancel) = 0;
  // Waits until there is room for the call's working memory beside that of the others. Code::cancelled.
  virtual Status reserve(size_t bytes, const CancelFlag* cancel) = 0;
  virtual void release(size_t bytes) = 0;
};

}  // namespace ipa
