#include "pipeline/load/load_params.h"

#include <algorithm>
#include <mutex>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/guard.h"
#include "cpu/launch/thread_pool.h"
#include "weights/dtype.h"
#include "weights/formats/gguf/ggml_blocks.h"
#include "weights/formats/gguf/ggml_codes.h"
#include "weights/shape_text.h"

namespace ipa {
namespace {

// 1x1 convolutions and linears are the same weights: trailing ones do not count.
std::vector<int64_t> without_trailing_ones(std::vector<int64_t> shape) {
  while (shape.size() > 1 && shape.back() == 1) shape.pop_back();
  return shape;
}

Status check_param(const Param& param, const TensorSource& source, const std::string& what) {
  for (const std::string& name : param.names) {
    const TensorInfo* tensor = source.find(name);
    if (!tensor)
      return Status(Code::missing_tensor,
                    source.path() + ": " + what + " needs the tensor " + name +
                        ", which is not there: the weights and the config.json do not belong together");
    if (without_trailing_ones(tensor->shape) != without_trailing_ones(param.shape))
      return Status(Code::shape, source.path() + ": " + name + " is " + shape_text(tensor->shape) + " but " +
                                     what + " needs " + shape_text(param.shape) +
                                     ": the weights and the config.json do not belong together");
    IPA_TRY(refuse_integers(*tensor, what).in(source.path()));
  }
  return {};
}

bool stored_as_halves(const Param& param, const TensorSource& source) {
  for (const std::string& name : param.names)
    if (source.find(name)->type != DType::f16) return false;
  return true;
}

// One for all of its tensors; none where it is not stored in blocks, or not kept so.
BlockFormat stored_in_blocks(const Param& param, const TensorSource& source) {
  if (!param.may_be_blocks()) return {};
  BlockFormat format = block_format(source.find(param.names.front())->type);
  for (const std::string& name : param.names)
    format = common_format(format, block_format(source.find(name)->type));
  return format;
}

// As it will be in memory, which it does not take yet.
Param to_be_packed(const Param& param, const TensorSource& source, bool keeps_blocks) {
  Param packed;
  packed.names = param.names;
  packed.role = param.role;
  packed.shape = param.shape;
  packed.compute = param.compute;
  packed.halves = param.may_be_halves() && stored_as_halves(param, source);
  if (keeps_blocks) packed.blocks = stored_in_blocks(param, source);
  return packed;
}

bool grow(AlignedBuffer& buffer, size_t bytes) {
  if (buffer.bytes() < bytes) buffer = AlignedBuffer(bytes);
  return static_cast<bool>(buffer);
}

struct Loader {
  StagedParams& staged;
  const TensorSource& source;
  const std::string& what;
  const LoadContext& context;
  const bool keeps_blocks;
  std::mutex mutex;
  Status first_error;
  std::atomic<bool> failed{false};
  // Of each thread, for one parameter as it is stored, and as it is packed for memory that the host does not reach:
  // kept, because fresh memory costs more than reading into it.
  struct Scratch {
    AlignedBuffer stored, packed;
    std::vector<BlockCodes> blocks;
  };
  std::vector<Scratch> scratch;

  Status no_memory() const { return Status(Code::no_memory, "out of memory while loading " + what); }

  Status read_numbers(const Param& param, Scratch& own, StoredTensors& stored) const {
    // Vectors are small, and always f32 in memory.
    stored.halves = param.role != ParamRole::vector && stored_as_halves(param, source);
    const DType type = stored.halves ? DType::f16 : DType::f32;
    const size_t each = static_cast<size_t>(param.elements_each()) * dtype_size(type);
    if (!grow(own.stored, each * param.names.size())) return no_memory();
    for (size_t i = 0; i < param.names.size(); ++i) {
      uint8_t* read = own.stored.data() + i * each;
      IPA_TRY(source.read(*source.find(param.names[i]), type, read));
      stored.tensors.push_back(read);
    }
    return {};
  }

  Status read_blocks(const Param& param, Scratch& own, StoredTensors& stored) const {
    own.blocks.resize(std::max(own.blocks.size(), param.names.size()));
    for (size_t i = 0; i < param.names.size(); ++i) {
      const TensorInfo& tensor = *source.find(param.names[i]);
      if (!grow(own.stored, static_cast<size_t>(tensor.bytes))) return no_memory();
      IPA_TRY(source.read(tensor, tensor.type, own.stored.data()));
      const size_t count = static_cast<size_t>(tensor.elements()) / block_layout(tensor.type).values;
      split_blocks(tensor.type, own.stored.data(), count, own.blocks[i]);
      stored.blocks.push_back(&own.blocks[i]);
    }
    return {};
  }

  Status load(StagedParam& to, Scratch& own) {
    if (context.cancel && context.cancel->load(std::memory_order_relaxed))
      return Status(Code::cancelled, "loading was cancelled");
    StoredTensors stored;
    // The one in use stays as it is.
    const Param param = to_be_packed(*to.param, source, keeps_blocks);
    const MemorySpace& space = context.rests ? host_memory() : context.backend.memory();
    Memory packed(space, context.backend.packed_bytes(param));
    if (!packed)
      return space.no_memory(context.backend.packed_bytes(param), "out of memory while loading " + what);
    IPA_TRY(param.blocks ? read_blocks(param, own, stored) : read_numbers(param, own, stored));
    if (packed.space().is_host()) {
      context.backend.pack(param, stored, packed.address());
    } else {
      if (!grow(own.packed, packed.bytes())) return no_memory();
      context.backend.pack(param, stored, own.packed.data());
      packed.view().write(0, own.packed.data(), packed.bytes());
      IPA_TRY(packed.space().status());
    }
    to.data = std::move(packed);
    to.halves = param.halves;
    to.blocks = param.blocks;
    return {};
  }

  static void task(void* context, int64_t index, int slot) {
    auto& self = *static_cast<Loader*>(context);
    if (self.failed.load(std::memory_order_relaxed)) return;
    Status status = guarded([&] {
      return self.load(self.staged[static_cast<size_t>(index)], self.scratch[static_cast<size_t>(slot)]);
    });
    if (status.ok()) return;
    std::lock_guard<std::mutex> lock(self.mutex);
    if (!self.failed.exchange(true)) self.first_error = std::move(status);
  }
};

Result<StagedParams> stage(ParamSet& params, const std::set<std::string>* tensors, const TensorSource& source,
                           const std::string& what, const LoadContext& context) {
  IPA_TRY(params.status());
  StagedParams staged;
  const auto wanted = [&](const Param& param) {
    return !tensors || std::any_of(param.names.begin(), param.names.end(),
                                   [&](const std::string& name) { return tensors->count(name) > 0; });
  };
  for (const auto& param : params.all())
    if (wanted(*param)) staged.push_back({param.get(), {}, false, {}});
  const bool keeps_blocks = context.backend.capabilities().block_weights;
  Loader loader{staged, source, what, context, keeps_blocks, {}, {}, {}, {}};
  loader.scratch.resize(static_cast<size_t>(std::max(1, context.threads)));
  // All of the architecture is checked before the first byte of data is read.
  for (const StagedParam& one : staged) IPA_TRY(check_param(*one.param, source, what));
  ThreadPool::shared().run(static_cast<int64_t>(staged.size()), context.threads, &Loader::task, &loader);
  IPA_TRY(loader.first_error);
  return staged;
}

}  // namespace

Result<size_t> foresee_params(ParamSet& params, const TensorSource& source, const std::string& what,
                              const Backend& backend) {
  size_t bytes = 0;
  const bool keeps_blocks = backend.capabilities().block_weights;
  for (const auto& param : params.all()) {
    IPA_TRY(check_param(*param, source, what));
    const Param packed = to_be_packed(*param, source, keeps_blocks);
    param->halves = packed.halves;
    param->blocks = packed.blocks;
    bytes += backend.packed_bytes(*param);
  }
  return bytes;
}

Status load_params(ParamSet& params, const TensorSource& source, const std::string& what,
                   const LoadContext& context) {
  IPA_ASSIGN(StagedParams staged, stage(params, nullptr, source, what, context));
  commit_params(std::move(staged));
  return {};
}

Result<StagedParams> stage_params(ParamSet& params, const std::set<std::string>& tensors,
                                  const TensorSource& source, const std::string& what,
                                  const LoadContext& context) {
  return stage(params, &tensors, source, what, context);
}

void commit_params(StagedParams staged) {
  for (StagedParam& one : staged) {
    one.param->data = std::move(one.data);
    one.param->halves = one.halves;
    one.param->blocks = one.blocks;
  }
}

}  // namespace ipa
