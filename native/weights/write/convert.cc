#include "weights/write/convert.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <new>
#include <vector>

#include "base/file.h"
#include "base/file_writer.h"
#include "base/utf8.h"
#include "weights/describe/component_kind.h"
#include "weights/describe/single_file.h"
#include "weights/formats/sharded.h"
#include "weights/formats/weight_file.h"
#include "weights/write/conversion_plan.h"
#include "weights/write/encode.h"
#include "weights/write/ggml_quantise.h"
#include "weights/write/gguf_layout.h"
#include "weights/write/safetensors_layout.h"

namespace ipa {
namespace {

constexpr size_t chunk_values = size_t{1} << 16;  // whole blocks of every type

struct NamedType {
  const char* name;
  DType type;
};
constexpr NamedType types[] = {
    {"f32", DType::f32},   {"f16", DType::f16},   {"bf16", DType::bf16}, {"q8_0", DType::q8_0},
    {"q5_1", DType::q5_1}, {"q5_0", DType::q5_0}, {"q4_1", DType::q4_1}, {"q4_0", DType::q4_0},
};

Status output_error(const std::string& output, const std::string& what) {
  return Status::option("output", in_quotes(output, 1024) + " " + what);
}

bool has_ending(const std::string& path, std::string_view ending) {
  if (path.size() <= ending.size()) return false;
  const size_t start = path.size() - ending.size();
  for (size_t i = 0; i < ending.size(); ++i) {
    const char c = path[start + i];
    if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != ending[i]) return false;
  }
  return true;
}

Result<WeightFormat> output_format(const ConvertRequest& request) {
  if (has_ending(request.output, ".gguf")) return WeightFormat::gguf;
  if (!has_ending(request.output, ".safetensors"))
    return output_error(request.output, "has neither of the extensions .gguf and .safetensors: name it so");
  if (quantisable(request.type))
    return Status::option("type", std::string("safetensors has no ") + dtype_name(request.type) +
                                      ": write a .gguf file, or use f32, f16 or bf16");
  return WeightFormat::safetensors;
}

Status check_output(const ConvertRequest& request) {
  const std::string& output = request.output;
  switch (path_kind(output)) {
    case PathKind::none: return {};
    case PathKind::folder: return output_error(output, "is a folder: add a file name");
    case PathKind::other: return output_error(output, "is not a regular file: name another");
    case PathKind::file: break;
  }
  if (same_file(request.input, output))
    return output_error(output, "is the input itself: write to another file");
  // One of these may be what is read.
  if (path_kind(request.input) == PathKind::folder && same_file(request.input, folder_of(output)))
    return output_error(output, "is a file of the input folder: write to another folder");
  if (request.overwrite) return {};
  return output_error(output, "exists: pass overwrite: true (--force) to replace it");
}

Result<std::unique_ptr<TensorSource>> open_input(const std::string& input) {
  if (path_kind(input) != PathKind::folder) return open_weight_file(input);
  if (path_kind(join_path(input, "model_index.json")) == PathKind::file) {
    return Status(Code::unsupported, in_quotes(input, 1024) +
                                         ": is the folder of a whole model; convert the weights of its parts "
                                         "one by one (unet, vae, text_encoder)");
  }
  const bool of_transformers =
      !has_model_weights(input, diffusers_stem) && has_model_weights(input, transformers_stem);
  return open_model_weights(input, of_transformers ? transformers_stem : diffusers_stem);
}

std::string architecture_of(const TensorSource& source) {
  const ComponentKind kind = component_kind(source);
  std::string family;
  if (kind == ComponentKind::model) {
    const Result<std::string> found = single_file_family(source);
    if (found.ok()) family = found.value();
  }
  if (kind == ComponentKind::unet) family = unet_family(source);
  return family.empty() ? component_kind_name(kind) : family;
}

Result<FileLayout> lay_out(const TensorSource& source, const std::vector<TensorInfo>& tensors,
                           WeightFormat format, DType type) {
  Texts texts = source.texts();
  if (format == WeightFormat::gguf)
    return lay_out_gguf(tensors, {architecture_of(source), type, std::move(texts)});
  // transformers refuses a file that does not say so.
  const bool named = std::any_of(texts.begin(), texts.end(), [](const auto& t) { return t.first == "format"; });
  if (!named) texts.emplace_back("format", "pt");
  return lay_out_safetensors(tensors, texts);
}

std::string unfit(const float* values, size_t count, DType type) {
  const std::string name = dtype_name(type);
  float largest = 0;
  for (size_t i = 0; i < count; ++i) {
    if (!std::isfinite(values[i]) && quantisable(type))
      return "holds a NaN or an infinity, which " + name + " has not; use f16, bf16 or f32";
    if (std::isfinite(values[i])) largest = std::max(largest, std::fabs(values[i]));
  }
  return "holds values up to " + std::to_string(largest) + ", too large for " + name +
         (type == DType::bf16 ? "; use f32" : "; use bf16 or f32");
}

class Converter {
 public:
  Converter(const TensorSource& source, FileWriter& file, const std::atomic<bool>* cancel)
      : source_(source), file_(file), cancel_(cancel) {}

  Status check_cancel() const {
    return cancel_ && cancel_->load(std::memory_order_relaxed) ? Status(Code::cancelled, "cancelled")
                                                               : Status();
  }

  // Writes the tensor `from` of the source as `to`.
  Status write(const TensorInfo& from, const TensorInfo& to) {
    if (from.type == to.type) {
      bytes_.resize(static_cast<size_t>(from.bytes));
      IPA_TRY(source_.read(from, from.type, bytes_.data()));
      return file_.write(bytes_.data(), bytes_.size());
    }
    values_.resize(static_cast<size_t>(from.elements()));
    IPA_TRY(source_.read_f32(from, values_.data()));
    for (size_t done = 0; done < values_.size(); done += chunk_values) {
      IPA_TRY(check_cancel());
      const float* values = values_.data() + done;
      const size_t count = std::min(chunk_values, values_.size() - done);
      bytes_.resize(static_cast<size_t>(stored_bytes(to.type, count)));
      if (!encode_f32(to.type, values, count, bytes_.data())) {
        return Status(Code::unsupported, in_quotes(source_.path(), 1024) + ": tensor " + in_quotes(from.name) +
                                             ": " + unfit(values, count, to.type));
      }
      IPA_TRY(file_.write(bytes_.data(), bytes_.size()));
    }
    return {};
  }

 private:
  const TensorSource& source_;
  FileWriter& file_;
  const std::atomic<bool>* cancel_;
  std::vector<float> values_;
  std::vector<uint8_t> bytes_;
};

Result<Conversion> convert_checked(const ConvertRequest& request, const std::atomic<bool>* cancel,
                                   const std::function<void(const ConvertProgress&)>& progress) {
  IPA_ASSIGN(const WeightFormat format, output_format(request));
  IPA_ASSIGN(const std::unique_ptr<TensorSource> source, open_input(request.input));
  IPA_TRY(check_output(request));
  IPA_ASSIGN(const std::vector<TensorInfo> tensors, plan_conversion(*source, request.type));
  IPA_ASSIGN(const FileLayout layout, lay_out(*source, tensors, format, request.type));

  FileWriter file(request.output);
  Converter converter(*source, file, cancel);
  IPA_TRY(converter.check_cancel());
  IPA_TRY(file.open());
  IPA_TRY(file.check_room(layout.bytes));
  IPA_TRY(file.write(layout.header.data(), layout.header.size()));
  ConvertProgress state{0, tensors.size(), layout.header.size(), layout.bytes};
  Conversion done;
  const std::vector<char> zeros(static_cast<size_t>(layout.alignment), '\0');
  for (const size_t i : layout.order) {
    IPA_TRY(converter.check_cancel());
    IPA_TRY(converter.write(source->tensors()[i], tensors[i]));
    const uint64_t padding = padding_after(tensors[i].bytes, layout.alignment);
    IPA_TRY(file.write(zeros.data(), static_cast<size_t>(padding)));
    ++done.types[dtype_name(tensors[i].type)];
    ++state.tensors;
    state.bytes += tensors[i].bytes + padding;
    if (progress) progress(state);
  }
  IPA_TRY(converter.check_cancel());
  IPA_TRY(check_output(request));  // it may have come to be meanwhile
  IPA_TRY(file.commit());
  done.format = weight_format_name(format);
  done.tensors = state.tensors;
  done.bytes = state.bytes;
  return done;
}

}  // namespace

std::optional<DType> conversion_type(std::string_view name) {
  for (const NamedType& row : types) {
    if (name == row.name) return row.type;
  }
  return std::nullopt;
}

Result<Conversion> convert(const ConvertRequest& request, const std::atomic<bool>* cancel,
                           const std::function<void(const ConvertProgress&)>& progress) {
  try {
    return convert_checked(request, cancel, progress);
  } catch (const std::bad_alloc&) {
    return Status(Code::no_memory,
                  in_quotes(request.input, 1024) + ": not enough memory for its largest tensor");
  }
}

}  // namespace ipa
