#include "weights/describe/adapter_file.h"

#include <string_view>
#include <utility>

#include "weights/describe/other_families.h"
#include "weights/formats/weight_file.h"
#include "weights/names/adapter_names.h"
#include "weights/names/name_parts.h"
#include "weights/names/renamed_source.h"

namespace ipa {

Result<AdapterFile> open_adapter(const std::string& path) {
  IPA_ASSIGN(std::unique_ptr<TensorSource> source, open_weight_file(path));
  IPA_TRY(refuse_other_family(*source));
  AdapterFile file;
  IPA_ASSIGN(file.weights, with_adapter_names(std::move(source)));
  IPA_ASSIGN(file.description, describe_adapter(*file.weights));
  file.ignored = ignored_in_adapter(*file.weights);
  return file;
}

bool is_named_plus_v2(const std::string& path) {
  std::string name = path.substr(path.find_last_of("/\\") + 1);
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  for (const char* spelling : {"plusv2", "plus-v2", "plus_v2", "plus v2"})
    if (name.find(spelling) != std::string::npos) return true;
  return false;
}

Result<LoraFile> open_adapter_lora(const std::string& path, const std::vector<std::string>& attention) {
  IPA_ASSIGN(std::unique_ptr<TensorSource> source, open_weight_file(path));
  IPA_ASSIGN(source, with_adapter_names(std::move(source)));
  std::vector<Renaming> renamings;
  for (size_t i = 0; i < source->tensors().size(); ++i) {
    const TensorInfo& info = source->tensors()[i];
    std::string_view rest = info.name;
    if (!take(rest, "ip_adapter.") || rest.find("_lora.") == std::string_view::npos) continue;
    const int number = take_number(rest);
    if (number < 0 || static_cast<size_t>(number) >= attention.size()) continue;
    renamings.push_back(
        {i, "unet." + attention[static_cast<size_t>(number)] + "." + std::string(rest), info.shape});
  }
  IPA_ASSIGN(source, rename_tensors(std::move(source), renamings));
  if (renamings.empty()) return LoraFile{std::move(source), {}, {}, {}};
  return read_lora(std::move(source));
}

}  // namespace ipa
