// Tensors by name, type and shape alone, from lines of text: what a file of any size shows of its structure, in
// little room. `NAME TYPE SIDE SIDE ...` is a tensor, `=KEY VALUE` a text beside the tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "weights/dtype.h"
#include "weights/tensor_source.h"

namespace ipa_fuzz {

class ListedSource final : public ipa::TensorSource {
 public:
  explicit ListedSource(std::string_view text) {
    while (!text.empty()) {
      const size_t end = text.find('\n');
      const std::string_view line = text.substr(0, end);
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      if (!line.empty() && line[0] == '=')
        add_text(line.substr(1));
      else
        add_tensor(line);
    }
  }

  const std::vector<ipa::TensorInfo>& tensors() const override { return tensors_; }
  const ipa::TensorInfo* find(std::string_view name) const override {
    const auto found = places_.find(std::string(name));
    return found == places_.end() ? nullptr : &tensors_[found->second];
  }
  // Some small numbers; as a file would, an error where there cannot be so many.
  ipa::Status read(const ipa::TensorInfo& tensor, ipa::DType as, void* out) const override {
    if (tensor.elements() > int64_t{1} << 18) return ipa::Status(ipa::Code::truncated, path_ + ": too short");
    if (as != ipa::DType::f32) return ipa::Status(ipa::Code::unsupported, path_ + ": floats only");
    for (int64_t i = 0; i < tensor.elements(); ++i)
      static_cast<float*>(out)[i] = static_cast<float>(i * 37 % 7 - 3) / 8;
    return {};
  }
  std::string_view metadata(std::string_view key) const override {
    for (const auto& [name, value] : texts_)
      if (name == key) return value;
    return {};
  }
  ipa::Texts texts() const override { return texts_; }
  const std::string& path() const override { return path_; }

 private:
  // What every reader of files refuses is left out: names twice or not in UTF-8, shapes without a size.
  void add_tensor(std::string_view line) {
    ipa::TensorInfo info;
    info.name = std::string(take_word(line));
    const std::optional<ipa::DType> type = ipa::dtype_from_name(take_word(line));
    if (info.name.empty() || !type || places_.count(info.name) > 0 ||
        ipa::find_invalid_utf8(info.name) != std::string::npos)
      return;
    info.type = *type;
    int64_t elements = 1;
    while (!line.empty()) {
      const int64_t side = std::atoll(std::string(take_word(line)).c_str());
      if (side < 0 || info.shape.size() >= 8 || (side > 0 && elements > (int64_t{1} << 40) / side)) return;
      elements *= side;
      info.shape.push_back(side);
    }
    info.bytes = static_cast<uint64_t>(elements) * ipa::dtype_size(info.type);
    places_.emplace(info.name, tensors_.size());
    tensors_.push_back(std::move(info));
  }
  void add_text(std::string_view line) {
    const std::string key(take_word(line));
    if (ipa::find_invalid_utf8(key) == std::string::npos && ipa::find_invalid_utf8(line) == std::string::npos)
      texts_.emplace_back(key, std::string(line));
  }
  static std::string_view take_word(std::string_view& line) {
    const size_t end = line.find(' ');
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
    return word;
  }

  std::vector<ipa::TensorInfo> tensors_;
  std::unordered_map<std::string, size_t> places_;
  ipa::Texts texts_;
  const std::string path_ = "fuzz";
};

}  // namespace ipa_fuzz
