#include "weights/embedding_file.h"

#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "weights/weight_file.h"

namespace ipa {
namespace {

constexpr std::string_view automatic_rows = "string_to_param.";
// Beside them in the oldest files: ids of the tokens they stood for in training.
constexpr std::string_view automatic_ids = "string_to_token.";

bool begins_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

Status check_rows(const TensorInfo& rows) {
  const size_t dimensions = rows.shape.size();
  if ((dimensions == 1 || dimensions == 2) && rows.elements() > 0) return {};
  return Status(Code::shape, "tensor " + quoted(rows.name) +
                                 " is no list of vectors (vectors, width): pass a textual inversion file");
}

Status find_rows(EmbeddingFile* file) {
  size_t others = 0;
  for (const TensorInfo& info : file->weights->tensors()) {
    if (begins_with(info.name, automatic_ids)) continue;
    if (info.name == "clip_l" && !file->first)
      file->first = &info;
    else if (info.name == "clip_g" && !file->second)
      file->second = &info;
    else if (++others; !file->any)
      file->any = &info;
  }
  const bool for_two = file->first || file->second;
  if (others > 1 || (others == 1 && for_two) || (others == 0 && !for_two))
    return Status(
        Code::mismatch,
        "it is no textual inversion, which has one tensor, or clip_l and clip_g for SDXL: pass a file of "
        "diffusers (learned_embeds) or AUTOMATIC1111");
  for (const TensorInfo* rows : {file->any, file->first, file->second}) {
    if (rows) IPA_TRY(check_rows(*rows));
  }
  if (!file->any) return {};
  const std::string& name = file->any->name;
  if (begins_with(name, automatic_rows))
    file->token = std::string(file->weights->metadata("name"));
  else if (name != "emb_params")
    file->token = name;
  return {};
}

}  // namespace

bool has_embedding_names(const TensorSource& source) {
  const std::vector<TensorInfo>& tensors = source.tensors();
  for (const TensorInfo& info : tensors) {
    if (begins_with(info.name, automatic_rows)) return true;
  }
  if (tensors.size() == 2) return source.find("clip_l") && source.find("clip_g");
  if (tensors.size() != 1) return false;
  const std::string& name = tensors[0].name;
  return name == "emb_params" || (name.size() > 2 && name.front() == '<' && name.back() == '>');
}

int64_t embedding_vectors(const TensorInfo& rows) { return rows.shape.size() == 1 ? 1 : rows.shape[0]; }
int64_t embedding_width(const TensorInfo& rows) { return rows.shape.back(); }

Result<EmbeddingFile> read_embedding(std::unique_ptr<TensorSource> source) {
  EmbeddingFile file;
  file.weights = std::move(source);
  IPA_TRY(find_rows(&file).in(quoted(file.weights->path(), 1024)));
  return file;
}

Result<EmbeddingFile> open_embedding(const std::string& path) {
  IPA_ASSIGN(std::unique_ptr<TensorSource> source, open_weight_file(path));
  return read_embedding(std::move(source));
}

}  // namespace ipa
