#include "weights/formats/torch/torch_tree.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "weights/formats/safetensors/safetensors_header.h"

namespace ipa {
namespace {

constexpr size_t max_depth = 64;
// A dictionary may be in several places, which a small file can use to describe an endless tree.
constexpr size_t max_members = 1'000'000;
// Of the tensors that stand together for one: bytes, and what the least and the largest of them mean.
constexpr size_t triple_size = 3;

class TreeWalk {
 public:
  explicit TreeWalk(const TorchPickle& pickle) : pickle_(pickle) {}

  Status walk(const PickleValue& dict, const std::string& prefix, bool nameable, size_t depth) {
    if (depth > max_depth)
      return Status(Code::limit, "its dictionaries are nested deeper than " + std::to_string(max_depth));
    const std::vector<PickleValue>& items = items_of(dict);
    members_ += items.size() / 2 + 1;
    if (members_ > max_members)
      return Status(Code::limit, "its dictionaries have more members than " + std::to_string(max_members));
    IPA_TRY(check_keys(dict));
    for (size_t i = 0; i + 1 < items.size(); i += 2) {
      const PickleValue& key = items[i];
      const PickleValue& value = items[i + 1];
      const bool text = key.kind == PickleKind::text;
      const bool triple = depth == 0 && text && is_triple(value);
      if (value.kind != PickleKind::tensor && value.kind != PickleKind::dict && !triple) continue;
      std::string name = prefix;
      if (text) IPA_TRY(append_key(key.text, &name));
      if (value.kind == PickleKind::dict) {
        IPA_TRY(walk(value, name + ".", nameable && text, depth + 1));
      } else if (triple) {
        for (size_t part = 0; part < triple_size; ++part)
          IPA_TRY(add(name + "." + std::to_string(part), items_of(value)[part]));
      } else {
        if (!nameable || !text)
          return Status(Code::type, "in " + in_quotes(prefix) +
                                        " a tensor's key is no text: save a dictionary with text keys");
        IPA_TRY(add(std::move(name), value));
      }
    }
    return {};
  }

  // Python keeps the last of two equal keys; no torch.save writes them.
  Status check_keys(const PickleValue& dict) const {
    std::vector<std::string_view> keys;
    const std::vector<PickleValue>& items = items_of(dict);
    for (size_t i = 0; i < items.size(); i += 2) {
      if (items[i].kind == PickleKind::text) keys.push_back(items[i].text);
    }
    std::sort(keys.begin(), keys.end());
    const auto twice = std::adjacent_find(keys.begin(), keys.end());
    if (twice == keys.end()) return {};
    return Status(Code::duplicate, "key " + in_quotes(*twice) + " occurs twice in a dictionary");
  }

  const std::vector<PickleValue>& items_of(const PickleValue& dict) const {
    return pickle_.containers[static_cast<size_t>(dict.number)];
  }
  std::vector<NamedTorchTensor> take_tensors() { return std::move(tensors_); }

 private:
  bool is_triple(const PickleValue& value) const {
    if (value.kind != PickleKind::tuple && value.kind != PickleKind::list) return false;
    const std::vector<PickleValue>& items = items_of(value);
    return items.size() == triple_size && std::all_of(items.begin(), items.end(), [](const PickleValue& item) {
             return item.kind == PickleKind::tensor;
           });
  }

  Status add(std::string name, const PickleValue& tensor) {
    if (tensors_.size() == SafetensorsLimits::tensors)
      return Status(Code::limit, "more than " + std::to_string(SafetensorsLimits::tensors) + " tensors");
    tensors_.push_back({std::move(name), static_cast<size_t>(tensor.number)});
    return {};
  }

  static Status append_key(std::string_view key, std::string* name) {
    if (key.empty()) return Status(Code::limit, "a key in " + in_quotes(*name) + " is empty");
    if (name->size() + key.size() > SafetensorsLimits::name_bytes)
      return Status(Code::limit, "tensor " + in_quotes(*name + std::string(key)) + ": name longer than " +
                                     std::to_string(SafetensorsLimits::name_bytes) + " bytes");
    *name += key;
    return {};
  }

  const TorchPickle& pickle_;
  size_t members_ = 0;
  std::vector<NamedTorchTensor> tensors_;
};

// Tensors without names, as precomputed image embeddings are saved: one, or nothing but tensors in a list.
Result<std::vector<NamedTorchTensor>> number_tensors(const TorchPickle& pickle) {
  const PickleValue& root = pickle.root;
  std::vector<NamedTorchTensor> named;
  if (root.kind == PickleKind::tensor) {
    named.push_back({"tensor", static_cast<size_t>(root.number)});
    return named;
  }
  if (root.kind == PickleKind::list || root.kind == PickleKind::tuple) {
    const std::vector<PickleValue>& items = pickle.containers[static_cast<size_t>(root.number)];
    if (items.size() > SafetensorsLimits::tensors)
      return Status(Code::limit, "more than " + std::to_string(SafetensorsLimits::tensors) + " tensors");
    for (const PickleValue& item : items) {
      if (item.kind != PickleKind::tensor) break;
      named.push_back({std::to_string(named.size()), static_cast<size_t>(item.number)});
    }
    if (!named.empty() && named.size() == items.size()) return named;
  }
  return Status(Code::type,
                "holds no dictionary or list of tensors: save a state_dict, {name: tensor}, or a tensor");
}

}  // namespace

Result<std::vector<NamedTorchTensor>> name_torch_tensors(const TorchPickle& pickle) {
  PickleValue root = pickle.root;
  if (root.kind != PickleKind::dict) return number_tensors(pickle);
  TreeWalk tree(pickle);
  IPA_TRY(tree.check_keys(root));
  const std::vector<PickleValue>& items = tree.items_of(root);
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    if (items[i].text == "state_dict" && items[i + 1].kind == PickleKind::dict) root = items[i + 1];
  }
  IPA_TRY(tree.walk(root, "", true, 0));
  return tree.take_tensors();
}

std::vector<std::pair<std::string, std::string>> torch_texts(const TorchPickle& pickle) {
  constexpr size_t longest = 256, most = 64;
  std::vector<std::pair<std::string, std::string>> texts;
  if (pickle.root.kind != PickleKind::dict) return texts;
  const std::vector<PickleValue>& items = pickle.containers[static_cast<size_t>(pickle.root.number)];
  for (size_t i = 0; i + 1 < items.size() && texts.size() < most; i += 2) {
    const PickleValue &key = items[i], &value = items[i + 1];
    if (key.kind != PickleKind::text || value.kind != PickleKind::text) continue;
    if (key.text.size() <= longest && value.text.size() <= longest)
      texts.emplace_back(std::string(key.text), std::string(value.text));
  }
  return texts;
}

}  // namespace ipa
