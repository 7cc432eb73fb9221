#include "weights/names/adapter_names.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weights/names/name_parts.h"
#include "weights/names/renamed_source.h"

namespace ipa {
namespace {

// Where an attention layer stands among all: block kind (down, up, mid), block, attention, transformer block.
using Place = std::array<int, 4>;

struct ProcessorTensor {
  Place place;
  bool cross;
  std::string part;  // "to_k_ip.weight"
};

// A tensor `unet.down_blocks.0.attentions.1.transformer_blocks.0.attn2.processor.to_k_ip.weight`.
std::optional<ProcessorTensor> parse_processor(std::string_view name) {
  if (!take(name, "unet.")) return std::nullopt;
  ProcessorTensor found{{0, 0, 0, 0}, false, {}};
  if (take(name, "mid_block."))
    found.place[0] = 2;
  else if (take(name, "up_blocks."))
    found.place[0] = 1;
  else if (!take(name, "down_blocks."))
    return std::nullopt;
  if (found.place[0] != 2) found.place[1] = take_number(name);
  if (!take(name, "attentions.")) return std::nullopt;
  found.place[2] = take_number(name);
  if (!take(name, "transformer_blocks.")) return std::nullopt;
  found.place[3] = take_number(name);
  if (!take(name, "attn")) return std::nullopt;
  const int which = take_number(name);
  if (!take(name, "processor.") || (which != 1 && which != 2)) return std::nullopt;
  if (std::find(found.place.begin(), found.place.end(), -1) != found.place.end()) return std::nullopt;
  found.cross = which == 2;
  found.part = std::string(name);
  return found;
}

}  // namespace

bool has_adapter_names(const TensorSource& source) {
  bool projection = false, layers = false;
  for (const TensorInfo& info : source.tensors()) {
    std::string_view name = info.name;
    if (take(name, "image_proj.") || take(name, "image_proj_model."))
      projection = true;
    else if (take(name, "ip_adapter.") || take(name, "adapter_modules."))
      layers = true;
    else
      layers = layers || (name.find(".processor.to_k_ip.") != std::string_view::npos && parse_processor(name));
    if (projection && layers) return true;
  }
  return false;
}

Result<std::unique_ptr<TensorSource>> with_adapter_names(std::unique_ptr<TensorSource> source) {
  const std::vector<TensorInfo>& infos = source->tensors();
  bool training = false;
  for (const TensorInfo& info : infos)
    training = training || info.name.compare(0, 17, "image_proj_model.") == 0;

  std::vector<Renaming> renamings;
  std::set<std::string> named;
  std::vector<std::pair<size_t, ProcessorTensor>> processors;
  std::map<Place, int> places;
  for (size_t i = 0; i < infos.size(); ++i) {
    std::string_view rest = infos[i].name;
    std::string name = infos[i].name;
    if (take(rest, "adapter_modules."))
      name = "ip_adapter." + std::string(rest);
    else if (training && take(rest, "image_proj_model."))
      name = "image_proj." + std::string(rest);
    else if (training && rest.substr(0, 5) == "unet.") {
      if (std::optional<ProcessorTensor> found = parse_processor(rest)) {
        places[found->place];
        processors.emplace_back(i, std::move(*found));
      }
      continue;
    }
    named.insert(name);
    renamings.push_back({i, std::move(name), infos[i].shape});
  }
  int number = 0;
  for (auto& place : places) place.second = 2 * number++;
  for (const auto& [index, tensor] : processors) {
    const int n = places[tensor.place] + (tensor.cross ? 1 : 0);
    std::string name = "ip_adapter." + std::to_string(n) + "." + tensor.part;
    if (named.insert(name).second) renamings.push_back({index, std::move(name), infos[index].shape});
  }
  return rename_tensors(std::move(source), renamings);
}

IgnoredTensors ignored_in_adapter(const TensorSource& adapter) {
  IgnoredTensors ignored;
  for (const TensorInfo& info : adapter.tensors()) {
    std::string_view name = info.name;
    if (!take(name, "image_proj.") && !take(name, "ip_adapter.")) ignored.add(info.name);
  }
  return ignored;
}

}  // namespace ipa
