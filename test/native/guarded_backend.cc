#include "guarded_backend.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>

#include "cpu/cpu_backend.h"
#include "golden_case.h"
#include "guarded_pages.h"
#include "harness.h"
#include "pipeline/load/devices.h"

namespace ipa_test {
namespace {

class GuardedMemory : public ipa::MemorySpace {
 public:
  GuardedMemory() = default;
  // A space outlives its blocks.
  ~GuardedMemory() override { CHECK(blocks_.empty()); }
  size_t alignment() const override { return 256; }
  bool is_host() const override { return false; }

  uint8_t* take(size_t bytes) const override {
    const size_t whole = std::max<size_t>(bytes, 1);
    auto* block = static_cast<uint8_t*>(take_pages(whole));
    if (block == nullptr) return nullptr;
    const std::lock_guard<std::mutex> lock(mutex_);
    blocks_[block] = whole;
    if (open_ > 0) set_pages_open(block, whole, true);
    return block;
  }
  void give(uint8_t* address, size_t) const override {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto block = blocks_.find(address);
    give_pages(address, block->second);
    blocks_.erase(block);
  }
  void write(uint8_t* to, const void* from, size_t bytes) const override { move(to, from, bytes); }
  void read(const uint8_t* from, void* to, size_t bytes) const override { move(to, from, bytes); }
  void copy(const uint8_t* from, uint8_t* to, size_t bytes) const override { move(to, from, bytes); }
  void zero(uint8_t* address, size_t bytes) const override {
    const Open open(*this);
    std::memset(address, 0, bytes);
  }
  ipa::Status status() const override { return {}; }

  // For as long as it lives the host, too, reaches all blocks.
  class Open {
   public:
    explicit Open(const GuardedMemory& memory) : memory_(memory) { memory_.open(1); }
    ~Open() { memory_.open(-1); }
    Open(const Open&) = delete;
    Open& operator=(const Open&) = delete;

   private:
    const GuardedMemory& memory_;
  };

 private:
  void move(void* to, const void* from, size_t bytes) const {
    const Open open(*this);
    std::memcpy(to, from, bytes);
  }
  void open(int more) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    const bool before = open_ > 0, now = (open_ += more) > 0;
    if (before == now) return;
    for (const auto& [address, bytes] : blocks_) set_pages_open(address, bytes, now);
  }

  mutable std::mutex mutex_;
  mutable std::map<uint8_t*, size_t> blocks_;
  mutable int open_ = 0;
};

class GuardedExecutable : public ipa::Executable {
 public:
  GuardedExecutable(const GuardedMemory& memory, std::unique_ptr<ipa::Executable> own)
      : memory_(memory), own_(std::move(own)) {}
  ipa::Status run(const ipa::RunTerms& terms) override {
    const GuardedMemory::Open open(memory_);
    return own_->run(terms);
  }

 private:
  const GuardedMemory& memory_;
  std::unique_ptr<ipa::Executable> own_;
};

class GuardedBackend : public ipa::Backend {
 public:
  explicit GuardedBackend(const ipa::CpuBackend& cpu) : cpu_(cpu) {}
  ipa::Capabilities capabilities() const override {
    ipa::Capabilities own = cpu_.capabilities();
    own.device = "guarded:0";
    return own;
  }
  const ipa::MemorySpace& memory() const override { return memory_; }
  size_t packed_bytes(const ipa::Param& param) const override { return cpu_.packed_bytes(param); }
  void pack(const ipa::Param& param, const ipa::StoredTensors& stored, void* destination) const override {
    cpu_.pack(param, stored, destination);
  }
  size_t packed_kv_bytes(const ipa::KeyValueShape& kv) const override { return cpu_.packed_kv_bytes(kv); }
  size_t scratch_bytes(const ipa::Step& step) const override { return cpu_.scratch_bytes(step); }
  ipa::Result<std::unique_ptr<ipa::Executable>> compile(const ipa::Plan& plan, uint8_t* arena,
                                                        const std::vector<void*>& bindings) const override {
    IPA_ASSIGN(std::unique_ptr<ipa::Executable> own, cpu_.compile(plan, arena, bindings));
    return std::unique_ptr<ipa::Executable>(std::make_unique<GuardedExecutable>(memory_, std::move(own)));
  }

 private:
  ipa::CpuBackend cpu_;
  GuardedMemory memory_;
};

}  // namespace

void add_guarded_device() {
  ipa::add_device_kind(
      "guarded", [](int index, int threads) -> ipa::Result<std::shared_ptr<const ipa::Backend>> {
        if (index > 0) return ipa::Status(ipa::Code::invalid_option, "there is one guarded device, number 0");
        const ipa::CpuBackend cpu(golden_backend().kernels(), threads);
        return std::shared_ptr<const ipa::Backend>(std::make_shared<const GuardedBackend>(cpu));
      });
}

}  // namespace ipa_test
