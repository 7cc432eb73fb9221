#include "weights/changes/embedding_file.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "weights/dtype.h"
#include "weights/formats/weight_file.h"
#include "weights/names/name_parts.h"

namespace ipa {
namespace {

constexpr std::string_view automatic_rows = "string_to_param.";

// What a tensor is by its name. `token`: its name may be the token's own.
enum class Slot : uint8_t { first, second, any, output, old_ids, token };

struct SlotName {
  std::string_view text;
  Slot slot;
};
constexpr SlotName slot_names[] = {
    // ComfyUI, AUTOMATIC1111, kohya's tools, OneTrainer, diffusers' newer scripts
    {"clip_l", Slot::first},
    {"clip_g", Slot::second},
    {"clip_h", Slot::any},
    {"emb_params", Slot::any},
    // Replicate's cog, diffusers' older scripts
    {"text_encoders_0", Slot::first},
    {"text_encoders_1", Slot::second},
    // OneTrainer: added to what a text encoder puts out. Other programs leave them out, too.
    {"clip_l_out", Slot::output},
    {"clip_g_out", Slot::output},
    {"clip_h_out", Slot::output},
    {"emb_params_out", Slot::output},
};

Slot slot_of(std::string_view name) {
  for (const SlotName& known : slot_names)
    if (name == known.text) return known.slot;
  if (begins_with(name, automatic_rows)) return Slot::any;
  // In AUTOMATIC1111's oldest files: ids of the tokens they stood for in training.
  return begins_with(name, "string_to_token.") ? Slot::old_ids : Slot::token;
}

Status check_rows(const TensorInfo& rows) {
  const size_t dimensions = rows.shape.size();
  if ((dimensions != 1 && dimensions != 2) || rows.elements() <= 0)
    return Status(Code::shape, "tensor " + in_quotes(rows.name) +
                                   " is no list of vectors (vectors, width): pass a textual inversion file");
  if (embedding_vectors(rows) > max_token_vectors)
    return Status(Code::limit, "tensor " + in_quotes(rows.name) + " has " +
                                   std::to_string(embedding_vectors(rows)) +
                                   " vectors for one token, more than " + std::to_string(max_token_vectors) +
                                   ": pass a textual inversion file");
  return refuse_integers(rows, "the textual inversion");
}

// "emb_params_scale", "clip_l.scale_weight": without their scale the vectors are other ones.
Status check_no_scale(const TensorInfo& rows, const TensorInfo& other) {
  std::string_view rest = other.name;
  if (!begins_with(rest, rows.name)) return {};
  rest.remove_prefix(rows.name.size());
  if (rest.empty() || (rest[0] != '.' && rest[0] != '_') || rest.find("scale") == std::string_view::npos)
    return {};
  return Status(Code::unsupported,
                "tensor " + in_quotes(rows.name) + " has its scale in " + in_quotes(other.name) +
                    ", which cannot be read for textual inversions: pass the file in f16 or f32");
}

Status no_embedding() {
  return Status(
      Code::mismatch,
      "it is no textual inversion, which has one tensor, or clip_l and clip_g for SDXL: pass a file of "
      "diffusers (learned_embeds) or AUTOMATIC1111");
}

}  // namespace

Result<EmbeddingRows> find_embedding_rows(const std::vector<EmbeddingTensor>& tensors,
                                          IgnoredTensors* ignored) {
  std::vector<const EmbeddingTensor*> slots[6];
  for (const EmbeddingTensor& tensor : tensors)
    slots[static_cast<size_t>(slot_of(tensor.name))].push_back(&tensor);
  const auto in = [&](Slot slot) -> std::vector<const EmbeddingTensor*>& {
    return slots[static_cast<size_t>(slot)];
  };
  const bool for_two = !in(Slot::first).empty() || !in(Slot::second).empty();
  const Slot any = in(Slot::any).empty() ? Slot::token : Slot::any;
  if (!for_two && in(any).empty() && !in(Slot::output).empty())
    return Status(Code::unsupported, "tensor " + in_quotes(in(Slot::output).front()->info->name) +
                                         " is for the output of a text encoder, which cannot be changed here: "
                                         "train the embedding without OneTrainer's \"output embedding\"");
  if (!for_two && in(any).size() != 1) return no_embedding();
  EmbeddingRows rows;
  std::vector<const TensorInfo*> used;
  const auto use = [&](Slot slot, const TensorInfo** to) {
    if (in(slot).empty()) return;
    used.push_back(*to = in(slot).front()->info);
  };
  if (for_two) {
    use(Slot::first, &rows.first);
    use(Slot::second, &rows.second);
  } else {
    use(any, &rows.any);
    if (any == Slot::token) rows.token = std::string(in(any).front()->name);
  }
  for (const TensorInfo* info : used) IPA_TRY(check_rows(*info));
  for (const EmbeddingTensor& tensor : tensors) {
    for (const TensorInfo* info : used) IPA_TRY(check_no_scale(*info, *tensor.info));
    const bool read = std::find(used.begin(), used.end(), tensor.info) != used.end();
    if (!read && slot_of(tensor.name) != Slot::old_ids) ignored->add(tensor.info->name);
  }
  return rows;
}

bool has_embedding_names(const TensorSource& source) {
  const std::vector<TensorInfo>& tensors = source.tensors();
  for (const TensorInfo& info : tensors) {
    const Slot slot = slot_of(info.name);
    if (slot != Slot::token && slot != Slot::old_ids) return true;
  }
  if (tensors.size() != 1) return false;
  const std::string& name = tensors[0].name;
  return name.size() > 2 && name.front() == '<' && name.back() == '>';
}

int64_t embedding_vectors(const TensorInfo& rows) { return rows.shape.size() == 1 ? 1 : rows.shape[0]; }
int64_t embedding_width(const TensorInfo& rows) { return rows.shape.back(); }

Result<EmbeddingFile> read_embedding(std::unique_ptr<TensorSource> source) {
  std::vector<EmbeddingTensor> tensors;
  for (const TensorInfo& info : source->tensors()) tensors.push_back({info.name, &info});
  EmbeddingFile file;
  Result<EmbeddingRows> rows = find_embedding_rows(tensors, &file.ignored);
  if (!rows.ok()) return rows.status().in(in_quotes(source->path(), 1024));
  static_cast<EmbeddingRows&>(file) = rows.take();
  const bool automatic = file.any && begins_with(file.any->name, automatic_rows);
  if (automatic) file.token = std::string(source->metadata("name"));
  file.weights = std::move(source);
  return file;
}

Result<EmbeddingFile> open_embedding(const std::string& path) {
  IPA_ASSIGN(std::unique_ptr<TensorSource> source, open_weight_file(path));
  return read_embedding(std::move(source));
}

}  // namespace ipa
