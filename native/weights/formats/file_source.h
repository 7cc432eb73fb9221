// The tensors and texts of one file.
#pragma once

#include <memory>
#include <utility>

#include "base/byte_source.h"
#include "weights/indexed_source.h"

namespace ipa {

class FileSource : public IndexedSource {
 public:
  FileSource(std::unique_ptr<ByteSource> bytes, Texts texts)
      : bytes_(std::move(bytes)), texts_(std::move(texts)) {}

  const std::string& path() const override { return bytes_->name(); }
  std::string_view metadata(std::string_view key) const override {
    for (const auto& [name, text] : texts_) {
      if (name == key) return text;
    }
    return {};
  }

 protected:
  std::unique_ptr<ByteSource> bytes_;
  Texts texts_;
};

}  // namespace ipa
