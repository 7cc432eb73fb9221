#include "binding/file_calls.h"

#include <map>
#include <memory>

#include "binding/calls.h"
#include "binding/values.h"
#include "pipeline/load/model_layout.h"
#include "weights/describe/inspect.h"
#include "weights/formats/weight_file.h"
#include "weights/write/convert.h"
#include "weights/write/safetensors_writer.h"

namespace ipa::binding {
namespace {

Napi::Object inspection_to_js(Napi::Env env, const Inspection& inspection) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("kind", inspection.kind);
  object.Set("format", inspection.format);
  object.Set("family", inspection.family);
  object.Set("variant", inspection.variant);
  object.Set("encoder", inspection.encoder);
  object.Set("unsupported", inspection.unsupported);
  object.Set("tokens", inspection.tokens);
  object.Set("parameters", static_cast<double>(inspection.parameters));
  object.Set("bytes", static_cast<double>(inspection.bytes));
  object.Set("tensors", static_cast<double>(inspection.tensors));
  Napi::Object types = Napi::Object::New(env);
  for (const auto& [name, count] : inspection.types) types.Set(name, static_cast<double>(count));
  object.Set("types", types);
  object.Set("ignored", ignored_to_js(env, inspection.ignored));
  Napi::Array components = Napi::Array::New(env);
  for (size_t i = 0; i < inspection.components.size(); ++i)
    components.Set(static_cast<uint32_t>(i), inspection_to_js(env, inspection.components[i]));
  object.Set("components", components);
  object.Set("path", inspection.path);
  return object;
}

Napi::Value inspect_call(const Napi::CallbackInfo& info) {
  const std::string path = text_argument(info, 0);
  return in_background(
      info.Env(), function_argument(info, 1), [path](AsyncJob&) { return inspect(path); }, inspection_to_js);
}

Napi::Object conversion_to_js(Napi::Env env, const Conversion& conversion) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("format", conversion.format);
  object.Set("tensors", static_cast<double>(conversion.tensors));
  object.Set("bytes", static_cast<double>(conversion.bytes));
  Napi::Object types = Napi::Object::New(env);
  for (const auto& [name, count] : conversion.types) types.Set(name, static_cast<double>(count));
  object.Set("types", types);
  return object;
}

Napi::Value progress_to_js(Napi::Env env, const ConvertProgress& progress) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("tensors", static_cast<double>(progress.tensors));
  object.Set("totalTensors", static_cast<double>(progress.total_tensors));
  object.Set("bytes", static_cast<double>(progress.bytes));
  object.Set("totalBytes", static_cast<double>(progress.total_bytes));
  return object;
}

Napi::Value convert_call(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object object = object_argument(info, 0);
  ConvertRequest request;
  request.input = read_text(object, "input");
  request.output = read_text(object, "output");
  const std::optional<DType> type = conversion_type(read_text(object, "type"));
  if (!type) throw Napi::TypeError::New(env, "type: not one of the types that can be written");
  request.type = *type;
  request.overwrite = has_value(object, "overwrite") && object.Get("overwrite").ToBoolean();
  const bool has_progress = info[1].IsFunction();
  return in_background(
      env, function_argument(info, 2), has_progress ? info[1].As<Napi::Function>() : Napi::Function(),
      [request, has_progress](AsyncJob& job) {
        return convert(request, job.cancel_handle().get(), [&](const ConvertProgress& progress) {
          // A JS thread that is busy hears less; the last event always comes.
          if (!has_progress || (job.in_flight() > 0 && progress.tensors < progress.total_tensors)) return;
          job.progress([progress](Napi::Env e) { return progress_to_js(e, progress); });
        });
      },
      conversion_to_js);
}

Napi::Array shape_to_js(Napi::Env env, const std::vector<int64_t>& sizes) {
  Napi::Array shape = Napi::Array::New(env);
  for (size_t i = 0; i < sizes.size(); ++i) shape.Set(static_cast<uint32_t>(i), static_cast<double>(sizes[i]));
  return shape;
}

Result<std::vector<TensorInfo>> list_tensors(const std::string& path) {
  IPA_ASSIGN(const std::unique_ptr<TensorSource> source, open_weight_file(path));
  return std::vector<TensorInfo>(source->tensors());
}

Napi::Value list_tensors_call(const Napi::CallbackInfo& info) {
  const std::string path = text_argument(info, 0);
  return in_background(
      info.Env(), function_argument(info, 1), [path](AsyncJob&) { return list_tensors(path); },
      [](Napi::Env env, const std::vector<TensorInfo>& tensors) {
        Napi::Array list = Napi::Array::New(env);
        for (size_t i = 0; i < tensors.size(); ++i) {
          Napi::Object object = Napi::Object::New(env);
          object.Set("name", tensors[i].name);
          object.Set("shape", shape_to_js(env, tensors[i].shape));
          list.Set(static_cast<uint32_t>(i), object);
        }
        return list;
      });
}

struct ReadTensor {
  std::vector<int64_t> shape;
  std::vector<float> data;
};

Result<ReadTensor> read_tensor(const std::string& path, const std::string& name) {
  IPA_ASSIGN(const std::unique_ptr<TensorSource> source, open_weight_file(path));
  const TensorInfo* info = source->find(name);
  if (!info)
    return Status(Code::missing_tensor, path + ": there is no tensor " + name.substr(0, 200) + " in this file");
  ReadTensor tensor;
  tensor.shape = info->shape;
  tensor.data.resize(static_cast<size_t>(info->elements()));
  IPA_TRY(source->read_f32(*info, tensor.data.data()));
  return tensor;
}

Napi::Value read_tensor_call(const Napi::CallbackInfo& info) {
  const std::string path = text_argument(info, 0), name = text_argument(info, 1);
  return in_background(
      info.Env(), function_argument(info, 2), [path, name](AsyncJob&) { return read_tensor(path, name); },
      [](Napi::Env env, const ReadTensor& tensor) {
        Napi::Object object = Napi::Object::New(env);
        object.Set("shape", shape_to_js(env, tensor.shape));
        object.Set("data", copy_to_js(env, tensor.data.data(), tensor.data.size() * sizeof(float)));
        return object;
      });
}

struct OwnedTensor {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<float> data;
};

Napi::Value write_tensors_call(const Napi::CallbackInfo& info) {
  const std::string path = text_argument(info, 0);
  const Napi::Object list = object_argument(info, 1);
  if (!list.IsArray()) throw Napi::TypeError::New(info.Env(), "tensors: expected an array");
  auto tensors = std::make_shared<std::vector<OwnedTensor>>();
  const Napi::Array array = list.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value value = array.Get(i);
    if (!value.IsObject()) throw Napi::TypeError::New(info.Env(), "tensors: expected objects");
    const Napi::Object object = value.As<Napi::Object>();
    tensors->push_back({read_text(object, "name"), read_shape(object, "shape"), read_floats(object, "data")});
    int64_t elements = 1;
    for (int64_t size : tensors->back().shape)
      elements = size >= 0 && size <= int64_t{1} << 40 && elements <= int64_t{1} << 20 ? elements * size : -1;
    if (elements != static_cast<int64_t>(tensors->back().data.size()))
      throw Napi::TypeError::New(info.Env(), "data: expected as many numbers as the shape has");
  }
  return in_background(
      info.Env(), function_argument(info, 2),
      [path, tensors](AsyncJob&) -> Result<Nothing> {
        std::vector<TensorToWrite> list;
        for (const OwnedTensor& tensor : *tensors)
          list.push_back({tensor.name, tensor.shape, tensor.data.data(), DType::f32});
        IPA_TRY(write_safetensors(path, list));
        return Nothing();
      },
      nothing_to_js);
}

Napi::Value model_layout_call(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object object = Napi::Object::New(env);
  object.Set("index", layout::index);
  object.Set("scheduler", layout::scheduler);
  object.Set("preprocessor", layout::preprocessor);
  object.Set("config", layout::config);
  object.Set("ownPreprocessor", layout::own_preprocessor);
  Napi::Array networks = Napi::Array::New(env);
  for (const layout::Network& network : layout::networks) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("folder", network.folder);
    entry.Set("weights", text_array(env, model_weight_files(network.stem)));
    if (network.tokenizer) entry.Set("tokenizer", network.tokenizer);
    entry.Set("required", network.required);
    if (network.unless) entry.Set("unless", network.unless);
    networks.Set(networks.Length(), entry);
  }
  object.Set("networks", networks);
  Napi::Array any = Napi::Array::New(env);
  for (const char* stem : {diffusers_stem, transformers_stem})
    any.Set(any.Length(), text_array(env, model_weight_files(stem)));
  object.Set("anyNetwork", any);
  return object;
}

}  // namespace

void define_file_calls(Napi::Env env, Napi::Object exports) {
  exports.Set("convert", Napi::Function::New(env, convert_call, "convert"));
  exports.Set("inspect", Napi::Function::New(env, inspect_call, "inspect"));
  exports.Set("modelLayout", Napi::Function::New(env, model_layout_call, "modelLayout"));
  exports.Set("listTensors", Napi::Function::New(env, list_tensors_call, "listTensors"));
  exports.Set("readTensor", Napi::Function::New(env, read_tensor_call, "readTensor"));
  exports.Set("writeTensors", Napi::Function::New(env, write_tensors_call, "writeTensors"));
}

}  // namespace ipa::binding
