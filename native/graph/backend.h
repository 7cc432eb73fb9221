// What runs a plan. The CPU is one backend; others implement the same few calls.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "graph/graph.h"
#include "graph/params.h"

namespace ipa {

class Plan;
struct Step;

// Shared by whoever may stop a run and the run itself, which looks between steps.
using CancelFlag = std::atomic<bool>;

// Seconds spent in each step of a plan, added up over its runs.
using StepSeconds = std::vector<double>;

// Asked between two kernels of a run.
class Pause {
 public:
  virtual ~Pause() = default;
  // Whether to pass now. Cheap.
  virtual bool due() const = 0;
  // Lets others go first; the number of threads to go on with. An error ends the run.
  virtual Result<int> pass() = 0;
};

// How a plan is run.
struct RunTerms {
  const CancelFlag* cancel = nullptr;
  StepSeconds* seconds = nullptr;  // has an entry a step
  int threads = 0;                 // at most; 0: as many as the backend has
  Pause* pause = nullptr;
};

// A plan bound to memory. Running it allocates nothing.
class Executable {
 public:
  virtual ~Executable() = default;
  // Code::cancelled when the flag was raised on the way; outputs are then undefined. The number of threads changes no bit.
  virtual Status run(const RunTerms& terms) = 0;
};

// What a backend is, for those who choose how networks are computed on it.
struct Capabilities {
  std::string device;       // as options name it, such as "cpu"
  int threads = 1;          // of the host, that its runs may use
  bool fast_bytes = false;  // multiplies bytes faster than words
  bool fast_bf16 = false;   // multiplies bf16 faster than floats
  // A GPU multiplies in f16, f32, with weights of 8 bits (int8_weights) and, where has_bf16, in bf16. A CPU in all but f16.
  bool is_gpu = false;
  bool has_bf16 = true;
  // Multiplies weights that are kept in blocks (Param::blocks).
  bool block_weights = false;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual Capabilities capabilities() const = 0;
  // Where its programs find their values and weights.
  virtual const MemorySpace& memory() const = 0;
  // Size of a parameter in the layout this backend reads.
  virtual size_t packed_bytes(const Param& param) const = 0;
  // Packs one parameter, into memory of the host. One kept as halves is packed from halves.
  virtual void pack(const Param& param, const StoredTensors& stored, void* destination) const = 0;
  virtual size_t packed_kv_bytes(const KeyValueShape& kv) const = 0;
  // Working memory of a step, for all threads together.
  virtual size_t scratch_bytes(const Step& step) const = 0;
  // `bindings[i]` is the memory of the plan's i-th bound value; plan and memory must outlive the result.
  virtual Result<std::unique_ptr<Executable>> compile(const Plan& plan, uint8_t* arena,
                                                      const std::vector<void*>& bindings) const = 0;
};

}  // namespace ipa
