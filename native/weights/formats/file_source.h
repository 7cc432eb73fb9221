// The tensors and texts of one file.
#pragma once

#include <memory>
#include <new>
#include <string>
#include <utility>

#include "base/byte_source.h"
#include "base/status.h"
#include "base/utf8.h"
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

// What `open(bytes)` makes of a file: its errors name the file.
// `part`: what there may not be enough memory for, in messages.
template <class Open>
Result<std::unique_ptr<TensorSource>> open_named(std::unique_ptr<ByteSource> bytes, const char* part,
                                                 Open open) {
  const std::string where = in_quotes(bytes->name(), 1024);
  try {
    Result<std::unique_ptr<TensorSource>> source = open(std::move(bytes));
    if (!source.ok()) return source.status().in(where);
    return source;
  } catch (const std::bad_alloc&) {
    return Status(Code::no_memory, where + ": not enough memory for its " + part);
  }
}

}  // namespace ipa
