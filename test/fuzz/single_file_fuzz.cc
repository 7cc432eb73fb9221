// libFuzzer entry: any bytes, as safetensors, as PyTorch's, or as a list of tensors (listed_source.h), must
// give typed errors, or descriptions of the networks in them whose tensors can be found. See README.md.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "any_source.h"
#include "listed_source.h"
#include "weights/describe/adapter_description.h"
#include "weights/describe/component_kind.h"
#include "weights/describe/image_encoder_file.h"
#include "weights/describe/single_file.h"
#include "weights/formats/scaled_source.h"
#include "weights/names/adapter_names.h"
#include "weights/names/dialects.h"

namespace {

using Source = std::unique_ptr<ipa::TensorSource>;

using ipa_fuzz::good;

ipa::Result<Source> open(const uint8_t* data, size_t size) {
  constexpr std::string_view list = "list\n";
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.substr(0, list.size()) == list)
    return Source(std::make_unique<ipa_fuzz::ListedSource>(text.substr(list.size())));
  return ipa_fuzz::open_bytes(data, size);
}

// Every way in takes the source away, so each gets its own.
template <class Use>
void with_source(const uint8_t* data, size_t size, Use use) {
  auto source = open(data, size);
  if (!source.ok()) return;
  auto scaled = ipa::with_scales(source.take());
  if (good(scaled)) use(scaled.take());
}

// Names that such a network has: some of the file's own, and some that every network lacks.
std::vector<std::string> some_names(const ipa::TensorSource& source) {
  std::vector<std::string> names = {"conv_in.weight", "decoder.conv_in.weight", "missing.weight"};
  for (size_t i = 0; i < source.tensors().size(); i += 3) names.push_back(source.tensors()[i].name);
  return names;
}

// What came out can be listed, and its first tensors read.
void look_through(const ipa::TensorSource& source) {
  size_t count = 0;
  for (const ipa::TensorInfo& info : source.tensors()) {
    if (source.find(info.name) == nullptr) std::abort();
    if (++count > 16 || info.elements() > 4096) continue;
    std::vector<float> out(static_cast<size_t>(info.elements()));
    if (source.read_f32(info, out.data()).code() == ipa::Code::internal) std::abort();
  }
}

template <class Part>
void take_part(const uint8_t* data, size_t size, Part part) {
  with_source(data, size, [&](Source source) {
    const std::vector<std::string> names = some_names(*source);
    auto taken = part(std::move(source), names);
    if (good(taken)) look_through(*taken.value());
  });
}

void use_file(const ipa::SingleFile& file, const uint8_t* data, size_t size) {
  using Names = std::vector<std::string>;
  with_source(data, size,
              [&](Source source) { (void)ipa::ignored_tensors(*source, ipa::single_file_scopes(file)); });
  take_part(data, size, [&](Source source, const Names& names) {
    return ipa::single_file_unet(file, std::move(source), names);
  });
  if (file.vae)
    take_part(data, size, [&](Source source, const Names& names) {
      return ipa::single_file_vae(file, std::move(source), names);
    });
  for (const ipa::SingleFileText& text : file.text)
    take_part(data, size, [&](Source source, const Names& names) {
      return ipa::single_file_text(text, std::move(source), names);
    });
}

void describe(const ipa::TensorSource& source, const uint8_t* data, size_t size) {
  (void)ipa::component_kind_name(ipa::component_kind(source));
  (void)ipa::unet_family(source);
  (void)good(ipa::prediction_marks(source));
  (void)good(ipa::single_file_family(source));
  if (ipa::is_single_file(source)) {
    const auto file = ipa::read_single_file(source);
    if (good(file)) use_file(file.value(), data, size);
  }
  if (ipa::is_single_unet(source)) {
    const auto file = ipa::read_single_unet(source);
    if (good(file)) use_file(file.value(), data, size);
  }
  const auto vae = ipa::read_single_vae(source, 0.18215);
  if (good(vae) && vae.value().vae)
    take_part(data, size, [&](Source taken, const std::vector<std::string>& names) {
      return ipa::single_file_vae(vae.value(), std::move(taken), names);
    });
  if (good(ipa::image_encoder_config(source)))
    take_part(data, size, [](Source taken, const std::vector<std::string>& names) {
      return ipa::image_encoder_tensors(std::move(taken), names);
    });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  with_source(data, size, [&](Source source) { describe(*source, data, size); });
  with_source(data, size, [](Source source) {
    auto adapter = ipa::with_adapter_names(std::move(source));
    if (!good(adapter)) return;
    (void)ipa::ignored_in_adapter(*adapter.value());
    (void)good(ipa::describe_adapter(*adapter.value()));
  });
  for (const auto dialect : {ipa::with_clip_text_names, ipa::with_clip_vision_names, ipa::with_vae_names})
    with_source(data, size, [&](Source source) {
      auto renamed = dialect(std::move(source));
      if (good(renamed)) look_through(*renamed.value());
    });
  return 0;
}
