#include "pipeline/load_params.h"

#include <algorithm>
#include <exception>
#include <mutex>
#include <new>
#include <vector>

#include "cpu/thread_pool.h"

namespace ipa {
namespace {

std::string text_of(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

// 1x1 convolutions and linears are the same weights: trailing ones do not count.
std::vector<int64_t> without_trailing_ones(std::vector<int64_t> shape) {
  while (shape.size() > 1 && shape.back() == 1) shape.pop_back();
  return shape;
}

struct Loader {
  ParamSet& params;
  const TensorSource& source;
  const Backend& backend;
  const std::string& what;
  const CancelFlag* cancel;
  std::mutex mutex;
  Status first_error;
  std::atomic<bool> failed{false};
  // Of each thread, for one parameter as it is stored: kept, because fresh memory costs more than reading into
  // it.
  std::vector<AlignedBuffer> scratch;

  Status check(const Param& param) const {
    for (const std::string& name : param.names) {
      const TensorInfo* tensor = source.find(name);
      if (!tensor)
        return Status(Code::missing_tensor,
                      source.path() + ": " + what + " needs the tensor " + name +
                          ", which is not there: the weights and the config.json do not belong together");
      if (without_trailing_ones(tensor->shape) != without_trailing_ones(param.shape))
        return Status(Code::shape, source.path() + ": " + name + " is " + text_of(tensor->shape) + " but " +
                                       what + " needs " + text_of(param.shape) +
                                       ": the weights and the config.json do not belong together");
    }
    return {};
  }

  bool stored_as_halves(const Param& param) const {
    for (const std::string& name : param.names)
      if (source.find(name)->type != DType::f16) return false;
    return true;
  }

  Status load(Param& param, AlignedBuffer& memory) {
    if (cancel && cancel->load(std::memory_order_relaxed))
      return Status(Code::cancelled, "loading was cancelled");
    StoredTensors stored;
    // Vectors are small, and always f32 in memory.
    stored.halves = param.role != ParamRole::vector && stored_as_halves(param);
    param.halves = stored.halves && param.may_be_halves();
    const DType type = stored.halves ? DType::f16 : DType::f32;
    const size_t each = static_cast<size_t>(param.elements_each()) * dtype_size(type);
    if (memory.bytes() < each * param.names.size()) memory = AlignedBuffer(each * param.names.size());
    AlignedBuffer packed(backend.packed_bytes(param));
    if (!memory || !packed) return Status(Code::no_memory, "out of memory while loading " + what);
    for (size_t i = 0; i < param.names.size(); ++i) {
      uint8_t* to = memory.data() + i * each;
      IPA_TRY(source.read(*source.find(param.names[i]), type, to));
      stored.tensors.push_back(to);
    }
    backend.pack(param, stored, packed.data());
    param.data = std::move(packed);
    return {};
  }

  static void task(void* context, int64_t index, int slot) {
    auto& self = *static_cast<Loader*>(context);
    if (self.failed.load(std::memory_order_relaxed)) return;
    Status status;
    try {
      status =
          self.load(*self.params.all()[static_cast<size_t>(index)], self.scratch[static_cast<size_t>(slot)]);
    } catch (const std::bad_alloc&) {
      status = Status(Code::no_memory, "out of memory");
    } catch (const std::exception& error) {
      status = Status(Code::internal, error.what());
    }
    if (status.ok()) return;
    std::lock_guard<std::mutex> lock(self.mutex);
    if (!self.failed.exchange(true)) self.first_error = status;
  }
};

}  // namespace

Status load_params(ParamSet& params, const TensorSource& source, const Backend& backend, int threads,
                   const std::string& what, const CancelFlag* cancel) {
  IPA_TRY(params.status());
  Loader loader{params, source, backend, what, cancel, {}, {}, {}, {}};
  loader.scratch.resize(static_cast<size_t>(std::max(1, threads)));
  // All of the architecture is checked before the first byte of data is read.
  for (const auto& param : params.all()) IPA_TRY(loader.check(*param));
  ThreadPool::shared().run(static_cast<int64_t>(params.all().size()), threads, &Loader::task, &loader);
  return loader.first_error;
}

}  // namespace ipa
