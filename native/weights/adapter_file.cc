#include "weights/adapter_file.h"

#include <utility>
#include <vector>

#include "weights/renamed_source.h"
#include "weights/weight_file.h"

namespace ipa {

Result<std::unique_ptr<TensorSource>> with_adapter_names(std::unique_ptr<TensorSource> source) {
  const std::string foreign = "adapter_modules.";
  std::vector<Renaming> renamings;
  for (size_t i = 0; i < source->tensors().size(); ++i) {
    const TensorInfo& info = source->tensors()[i];
    const bool rename = info.name.compare(0, foreign.size(), foreign) == 0;
    renamings.push_back({i, rename ? "ip_adapter." + info.name.substr(foreign.size()) : info.name, info.shape});
  }
  return rename_tensors(std::move(source), renamings);
}

Result<AdapterFile> open_adapter(const std::string& path) {
  IPA_ASSIGN(std::unique_ptr<TensorSource> source, open_weight_file(path));
  AdapterFile file;
  IPA_ASSIGN(file.weights, with_adapter_names(std::move(source)));
  IPA_ASSIGN(file.description, describe_adapter(*file.weights));
  return file;
}

}  // namespace ipa
