#include "weights/changes/control_lora.h"

#include <unordered_set>
#include <utility>

#include "base/utf8.h"
#include "weights/indexed_source.h"
#include "weights/names/control_names.h"
#include "weights/names/ldm_names.h"

namespace ipa {
namespace {

constexpr const char* marker = "lora_controlnet";

class ControlLoraSource : public IndexedSource {
 public:
  struct Entry {
    const TensorInfo* whole = nullptr;  // of the file, or of the UNet
    bool of_unet = false;
    const TensorInfo *up = nullptr, *down = nullptr;
  };
  ControlLoraSource(std::unique_ptr<TensorSource> file, std::unique_ptr<TensorSource> unet, AddProduct product)
      : file_(std::move(file)), unet_(std::move(unet)), product_(std::move(product)) {}
  void fill(std::vector<TensorInfo> infos, std::vector<Entry> entries) {
    list(std::move(infos));
    entries_ = std::move(entries);
  }
  const std::string& path() const override { return file_->path(); }

 private:
  Status read_place(size_t place, DType as, void* out) const override {
    const Entry& entry = entries_[place];
    const TensorSource& source = entry.of_unet ? *unet_ : *file_;
    IPA_TRY(source.read(*entry.whole, as, out));
    if (!entry.up) return {};
    std::vector<float> up(static_cast<size_t>(entry.up->elements()));
    std::vector<float> down(static_cast<size_t>(entry.down->elements()));
    IPA_TRY(file_->read_f32(*entry.up, up.data()));
    IPA_TRY(file_->read_f32(*entry.down, down.data()));
    const int64_t rank = entry.down->shape[0];
    return product_({up.data(), down.data(), static_cast<float*>(out), entry.up->shape[0], rank,
                     entry.down->elements() / rank});
  }

  std::unique_ptr<TensorSource> file_, unet_;
  AddProduct product_;
  std::vector<Entry> entries_;  // parallel to the tensors
};

// Whether the product of both has the shape of a weight.
bool fits(const TensorInfo& up, const TensorInfo& down, const TensorInfo& weight) {
  if (up.shape.empty() || down.shape.empty() || weight.shape.empty()) return false;
  const int64_t rank = down.shape[0];
  return rank > 0 && up.shape[0] == weight.shape[0] && up.elements() == up.shape[0] * rank &&
         down.elements() / rank == weight.elements() / weight.shape[0];
}

}  // namespace

bool is_control_lora(const TensorSource& file) { return file.find(marker) != nullptr; }

Result<std::unique_ptr<TensorSource>> with_control_lora(std::unique_ptr<TensorSource> file,
                                                        std::unique_ptr<TensorSource> unet, int picture_blocks,
                                                        const std::vector<std::string>& names,
                                                        AddProduct product) {
  const LdmUNetNames ldm(std::unordered_set<std::string>(names.begin(), names.end()));
  const std::string where = in_quotes(file->path(), 1024) + ": ";
  std::unordered_set<std::string> read = {marker};
  std::vector<TensorInfo> infos;
  std::vector<ControlLoraSource::Entry> entries;
  for (const std::string& name : names) {
    const size_t dot = name.rfind('.');  // of "weight" or "bias"
    const std::string original = ldm_control_layer(ldm, name.substr(0, dot), picture_blocks);
    const std::string whole = original + name.substr(dot);
    ControlLoraSource::Entry entry;
    entry.whole = file->find(whole);
    if (entry.whole) {
      read.insert(whole);
    } else {
      entry.whole = unet->find(name);
      entry.of_unet = true;
      if (!entry.whole)
        return Status(Code::missing_tensor, where + "no tensor " + in_quotes(whole) +
                                                ", which the model's UNet has not either: get the file again");
      if (name.compare(dot, std::string::npos, ".weight") == 0) {
        entry.up = file->find(original + ".up");
        entry.down = file->find(original + ".down");
      }
      read.insert(original + ".up");
      read.insert(original + ".down");
      if (!entry.up != !entry.down || (entry.up && !fits(*entry.up, *entry.down, *entry.whole)))
        return Status(Code::shape, where + "the change of " + in_quotes(original) +
                                       " does not fit the model's UNet: use one made for this model family");
    }
    TensorInfo info = *entry.whole;
    info.name = name;
    // A sum is made in f32.
    if (entry.up) info.type = DType::f32, info.bytes = static_cast<uint64_t>(info.elements()) * sizeof(float);
    infos.push_back(std::move(info));
    entries.push_back(entry);
  }
  for (const TensorInfo& info : file->tensors())
    if (!read.count(info.name))
      return Status(Code::unsupported, where + "tensor " + in_quotes(info.name) +
                                           " is not known in a Control-LoRA: this version would leave it out");
  auto source = std::make_unique<ControlLoraSource>(std::move(file), std::move(unet), std::move(product));
  source->fill(std::move(infos), std::move(entries));
  return std::unique_ptr<TensorSource>(std::move(source));
}

}  // namespace ipa
