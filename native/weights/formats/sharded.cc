#include "weights/formats/sharded.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "weights/formats/safetensors/safetensors_header.h"
#include "weights/formats/scaled_source.h"
#include "weights/formats/weight_file.h"
#include "weights/indexed_source.h"

namespace ipa {
namespace {

constexpr uint64_t max_index_bytes = uint64_t{64} << 20;
constexpr size_t max_shards = 1000;

using NameAndShard = std::pair<std::string, std::string>;

Status index_error(Code code, const std::string& path, const std::string& what) {
  return Status(code, in_quotes(path, 1024) + ": " + what);
}

class ShardedSource : public IndexedSource {
 public:
  ShardedSource(std::string path, std::vector<std::unique_ptr<TensorSource>> shards)
      : path_(std::move(path)), shards_(std::move(shards)) {}

  Status build_index() {
    std::vector<TensorInfo> infos;
    for (size_t shard = 0; shard < shards_.size(); ++shard)
      for (size_t i = 0; i < shards_[shard]->tensors().size(); ++i) {
        infos.push_back(shards_[shard]->tensors()[i]);
        places_.push_back({shard, i});
      }
    const size_t twice = list(std::move(infos));
    if (twice == NameIndex::none) return {};
    return index_error(Code::duplicate, path_, "two shards hold a tensor " + in_quotes(info(twice).name));
  }
  const std::string& path() const override { return path_; }
  // The shard that holds a tensor; the name must exist.
  const std::string& shard_path(std::string_view name) const {
    return shards_[places_[place_of(name)].shard]->path();
  }

 private:
  struct Place {
    size_t shard, tensor;
  };
  Status read_place(size_t place, DType as, void* out) const override {
    const TensorSource& shard = *shards_[places_[place].shard];
    return shard.read(shard.tensors()[places_[place].tensor], as, out);
  }

  std::string path_;
  std::vector<std::unique_ptr<TensorSource>> shards_;
  std::vector<Place> places_;  // parallel to the tensors
};

bool has_ending(const std::string& name, const std::string& ending) {
  return name.size() > ending.size() && name.compare(name.size() - ending.size(), ending.size(), ending) == 0;
}

// An index comes from outside: it must not lead out of its folder.
bool is_plain_file_name(const std::string& name) {
  if (name.empty() || name.size() > 255 || name == "." || name == "..") return false;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == '/' || c == '\\' || c == ':') return false;
  }
  return true;
}

Result<std::vector<NameAndShard>> read_weight_map(const std::string& path) {
  IPA_ASSIGN(const std::string text, read_file(path, max_index_bytes));
  Json::Limits limits;
  limits.depth = 8;
  limits.values = 2 * SafetensorsLimits::tensors;
  limits.string_bytes = 4096;
  const Result<Json> parsed = Json::parse(text, limits);
  if (!parsed.ok()) return parsed.status().in(in_quotes(path, 1024));
  const Json* map = parsed.value().find("weight_map");
  if (!map || !map->is_object() || map->object().empty()) {
    return index_error(Code::type, path, "has no weight_map object with tensors");
  }
  if (map->object().size() > SafetensorsLimits::tensors) {
    return index_error(Code::limit, path,
                       "lists more than " + std::to_string(SafetensorsLimits::tensors) + " tensors");
  }
  std::vector<NameAndShard> entries;
  for (const auto& member : map->object()) {
    if (!member.second.is_string()) {
      return index_error(Code::type, path, "weight_map names no file for tensor " + in_quotes(member.first));
    }
    if (!is_plain_file_name(member.second.string())) {
      return index_error(
          Code::range, path,
          "shard " + in_quotes(member.second.string()) + " is not a plain file name in the index's folder");
    }
    entries.emplace_back(member.first, member.second.string());
  }
  return entries;
}

// Quantised models are passed around under names of their own.
std::vector<std::string> gguf_files(const std::string& folder) {
  std::vector<std::string> found;
  const Result<std::vector<std::string>> names = list_folder(folder);
  if (!names.ok()) return found;
  for (const std::string& name : names.value()) {
    if (has_ending(name, ".gguf") && path_kind(join_path(folder, name)) == PathKind::file)
      found.push_back(name);
  }
  return found;
}

}  // namespace

Result<std::unique_ptr<TensorSource>> open_sharded(const std::string& index_path) {
  IPA_ASSIGN(const std::vector<NameAndShard> map, read_weight_map(index_path));
  std::vector<std::string> shards;
  for (const NameAndShard& entry : map) shards.push_back(entry.second);
  std::sort(shards.begin(), shards.end());
  shards.erase(std::unique(shards.begin(), shards.end()), shards.end());
  if (shards.size() > max_shards) {
    return index_error(Code::limit, index_path, "lists more than " + std::to_string(max_shards) + " shards");
  }
  std::vector<std::unique_ptr<TensorSource>> files;
  const std::string folder = folder_of(index_path);
  for (const std::string& shard : shards) {
    Result<std::unique_ptr<TensorSource>> opened = open_unscaled_file(join_path(folder, shard));
    if (!opened.ok()) return opened.status().in("shard of " + in_quotes(index_path, 1024));
    files.push_back(opened.take());
  }
  auto source = std::make_unique<ShardedSource>(index_path, std::move(files));
  IPA_TRY(source->build_index());
  for (const NameAndShard& entry : map) {
    if (!source->find(entry.first)) {
      return index_error(Code::missing_tensor, index_path,
                         "tensor " + in_quotes(entry.first) + " is not in shard " + in_quotes(entry.second));
    }
    if (source->shard_path(entry.first) != join_path(folder, entry.second)) {
      return index_error(
          Code::mismatch, index_path,
          "tensor " + in_quotes(entry.first) + " is in another shard than " + in_quotes(entry.second));
    }
  }
  // Names are unique on both sides and every listed one exists,
  // so a difference in number means unlisted tensors.
  if (source->tensors().size() != map.size()) {
    return index_error(Code::mismatch, index_path,
                       "the shards hold " + std::to_string(source->tensors().size()) +
                           " tensors, weight_map lists " + std::to_string(map.size()));
  }
  // A weight and its scale may lie in two shards.
  return with_scales(std::move(source));
}

std::vector<std::string> model_weight_files(const std::string& stem) {
  const std::string torch_stem = stem == transformers_stem ? "pytorch_model" : stem;
  return {stem + ".safetensors",
          stem + ".safetensors.index.json",
          stem + ".fp16.safetensors",
          stem + ".safetensors.index.fp16.json",
          stem + ".gguf",
          torch_stem + ".bin",
          torch_stem + ".bin.index.json",
          torch_stem + ".fp16.bin",
          torch_stem + ".bin.index.fp16.json"};
}

bool has_model_weights(const std::string& folder, const std::string& stem) {
  for (const std::string& name : model_weight_files(stem)) {
    if (path_kind(join_path(folder, name)) == PathKind::file) return true;
  }
  return false;
}

Result<std::unique_ptr<TensorSource>> open_model_weights(const std::string& folder, const std::string& stem) {
  if (path_kind(folder) != PathKind::folder) return index_error(Code::not_found, folder, "no such folder");
  for (const std::string& name : model_weight_files(stem)) {
    const std::string path = join_path(folder, name);
    if (path_kind(path) == PathKind::none) continue;
    return has_ending(name, ".json") ? open_sharded(path) : open_weight_file(path);
  }
  const std::vector<std::string> other = gguf_files(folder);
  if (other.size() == 1) return open_weight_file(join_path(folder, other[0]));
  if (other.size() > 1) {
    return index_error(
        Code::not_found, folder,
        "holds " + std::to_string(other.size()) + " .gguf files; call the one to use " + stem + ".gguf");
  }
  return index_error(
      Code::not_found, folder,
      "no " + stem + ".safetensors, no " + stem + ".gguf, no PyTorch .bin file of it, nor an index of shards");
}

}  // namespace ipa
