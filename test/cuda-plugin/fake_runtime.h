// CUDA's runtime without CUDA: it remembers what it was asked, in the order of the calls, and fails where a test says so. Nothing
// is copied or computed.
#pragma once

#include <cuda_runtime_api.h>

#include <map>
#include <string>
#include <vector>

namespace ipa_test {

struct FakeRuntime {
  int driver = 13000;
  int devices = 2;
  // What a function gives instead of working, by its name.
  std::map<std::string, cudaError_t> failures;
  // "cudaMalloc@1": the function, and the device of the calling thread.
  std::vector<std::string> calls;
  std::map<std::string, unsigned> flags;  // that a function was last given
  std::map<std::string, int> held;        // "stream", "event", "graph", "executable", "memory", "pinned"

  bool called(const std::string& call) const;
  // Whether there was a call of the first, and one of the second behind it.
  bool in_order(const std::string& first, const std::string& second) const;
  int held_in_all() const;
};

FakeRuntime& fake_runtime();

}  // namespace ipa_test
