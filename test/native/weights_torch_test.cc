// Files of torch.save against the same tensors as safetensors wrote them (tools/goldens/torch_files.py).
#include "weights/formats/torch/torch_file.h"

#include <cstring>
#include <filesystem>

#include "allocation_counter.h"
#include "torch_build.h"
#include "weights/formats/safetensors/safetensors.h"
#include "weights/formats/sharded.h"
#include "weights/formats/weight_file.h"

using ipa::Code;

namespace {

std::string golden(const std::string& name) { return ipa_test::golden_folder() + "/torch/" + name; }

std::vector<uint8_t> stored(const ipa::TensorSource& source, const ipa::TensorInfo& info) {
  std::vector<uint8_t> bytes(static_cast<size_t>(info.bytes));
  CHECK_OK(source.read(info, info.type, bytes.data()));
  return bytes;
}

// Every tensor of the reference, and no other, with the same type, shape and bytes, and as f32 the same too.
void check_same(const ipa::TensorSource& source, const ipa::TensorSource& reference) {
  CHECK_EQ(source.tensors().size(), reference.tensors().size());
  for (const ipa::TensorInfo& expected : reference.tensors()) {
    const ipa::TensorInfo* info = source.find(expected.name);
    if (!info || info->type != expected.type || info->shape != expected.shape ||
        info->bytes != expected.bytes) {
      ipa_test::fail(__FILE__, __LINE__, expected.name + " is not there as it should be");
      continue;
    }
    if (stored(source, *info) != stored(reference, expected))
      ipa_test::fail(__FILE__, __LINE__, expected.name + " has other values");
    const std::vector<float> a = ipa_test::values_of(source, info->name),
                             b = ipa_test::values_of(reference, info->name);
    if (a.size() != b.size() || (!a.empty() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) != 0))
      ipa_test::fail(__FILE__, __LINE__, expected.name + " has other values as f32");
  }
}

void check_file(const std::string& name, const std::string& reference_path) {
  const auto source = ipa::open_torch(golden(name));
  const auto reference = ipa::open_safetensors(reference_path);
  CHECK_OK(source.status());
  CHECK_OK(reference.status());
  if (source.ok() && reference.ok()) check_same(*source.value(), *reference.value());
}

}  // namespace

TEST_ONCE(weights_torch_golden_files) {
  // Ten types; transposed, permuted, strided and shared tensors, scalars, empty ones, parameters.
  for (const char* name : {"zip.bin", "legacy.bin"}) check_file(name, golden("tensors.safetensors"));
  // The same as the state_dict of a training checkpoint, with all that is beside it there.
  check_file("checkpoint.ckpt", golden("tensors.safetensors"));
  check_file("adapter.bin", ipa_test::golden_folder() + "/models/sd15/adapters/base.safetensors");
  check_file("lora.bin", ipa_test::golden_folder() + "/loras/sd15-processor.safetensors");
  // Whatever torch.load(weights_only=True) accepts beside tensors,
  // tensors of types without a storage class of their own, and what NumPy 2 leaves.
  for (const char* name : {"leftovers.ckpt", "leftovers-numpy.ckpt"})
    check_file(name, golden("leftovers.safetensors"));
  // Without a dictionary.
  for (const char* name : {"bare-zip.ipadpt", "bare-legacy.ipadpt"})
    check_file(name, golden("bare.safetensors"));
  for (const char* name : {"list-zip.ipadpt", "list-legacy.ipadpt", "tuple.ipadpt"})
    check_file(name, golden("list.safetensors"));
}

TEST_ONCE(weights_torch_format_by_content) {
  const std::string folder = ipa_test::scratch_folder();
  const std::string zip = folder + "/torch.safetensors", other = folder + "/safetensors.bin";
  ipa_test::write_bytes(zip, ipa_test::good_zip().bytes());
  ipa_test::write_bytes(other, ipa_test::zeros_safetensors({{"w", {2}}}));
  ipa::WeightFormat format = ipa::WeightFormat::safetensors;
  CHECK_OK(ipa::open_weight_file(zip, &format).status());
  CHECK(format == ipa::WeightFormat::pytorch);
  CHECK_OK(ipa::open_weight_file(other, &format).status());
  CHECK(format == ipa::WeightFormat::safetensors);
  CHECK(ipa::open_torch(other).status().code() == Code::unsupported);
  CHECK(ipa::open_safetensors(zip).status().code() == Code::unsupported);
  CHECK(ipa::open_weight_file(folder + "/none.bin").status().code() == Code::not_found);
  // A pickle that is not torch.save's, and a tar archive (torch.save before 0.1.10).
  ipa_test::write_text(other, "\x80\x04\x95" + std::string(600, ' '));
  CHECK(ipa::open_weight_file(other).status().code() == Code::unsupported);
  std::string tar(600, '\xFF');
  tar.replace(257, 5, "ustar");
  ipa_test::write_text(other, tar);
  CHECK(ipa::open_weight_file(other).status().message().find("tar") != std::string::npos);
  // A safetensors header of 67,324,752 bytes has a zip's first bytes as its length.
  const std::string long_header = ipa_test::raw("PK\x03\x04\0\0\0\0{\"w\": ");
  CHECK(!ipa::is_torch_file(reinterpret_cast<const uint8_t*>(long_header.data()), long_header.size()));
}

TEST_ONCE(weights_torch_model_folders) {
  const std::string folder = ipa_test::scratch_folder() + "/torch-model";
  std::filesystem::create_directory(folder);
  const auto put = [&](const std::string& name, float value) {
    ipa_test::Zip zip = ipa_test::good_zip();
    zip.members[2].data = ipa_test::floats({value, 2, 3, 4, 5, 6});
    ipa_test::write_bytes(folder + "/" + name, zip.bytes());
  };
  const auto first = [&](const char* stem) {
    const auto source = ipa::open_model_weights(folder, stem);
    CHECK_OK(source.status());
    return source.ok() ? ipa_test::values_of(*source.value(), "w")[0] : -1.0f;
  };
  put("shard.bin", 1);
  ipa_test::write_text(folder + "/pytorch_model.bin.index.json", "{\"weight_map\":{\"w\":\"shard.bin\"}}");
  CHECK_EQ(first(ipa::transformers_stem), 1.0f);
  CHECK(ipa::open_model_weights(folder, ipa::diffusers_stem).status().code() == Code::not_found);
  put("pytorch_model.bin", 2);
  CHECK_EQ(first(ipa::transformers_stem), 2.0f);
  put("diffusion_pytorch_model.fp16.bin", 3);
  CHECK_EQ(first(ipa::diffusers_stem), 3.0f);
  put("diffusion_pytorch_model.bin", 4);
  CHECK_EQ(first(ipa::diffusers_stem), 4.0f);
  put("diffusion_pytorch_model.safetensors", 5);  // goes before the others, whatever it is
  CHECK_EQ(first(ipa::diffusers_stem), 5.0f);
}

// What the zip form has besides what torch.save writes today.
TEST_ONCE(weights_torch_other_good_files) {
  using namespace ipa_test;
  const auto values = [](const Bytes& bytes, const std::string& name) {
    const auto source = ipa::open_torch_bytes(bytes, "test");
    CHECK_OK(source.status());
    return source.ok() ? values_of(*source.value(), name) : std::vector<float>();
  };
  const std::vector<float> all = {1, 2, 3, 4, 5, 6};
  CHECK(values(good_zip().bytes(), "w") == all);
  CHECK(values(Legacy().bytes(), "w") == all);
  Zip wide = good_zip();
  wide.zip64 = true;
  CHECK(values(wide.bytes(), "w") == all);
  Zip old = good_zip();
  old.members.erase(old.members.begin() + 1);  // byteorder came with 2.0
  CHECK(values(old.bytes(), "w") == all);
  // A dictionary in two places; a key that only looks like a prefix; names without torch's memo.
  const std::string part = "}q\x05" + text("w") + tensor(storage("0", 6), 1, {2, 2}, {1, 3}) + "s";
  const Bytes twice =
      zip_around(pickled("}(" + text("a") + part + text("b") + "h\x05" + text("state_dict") + number(1) + "u"))
          .bytes();
  CHECK(values(twice, "a.w") == (std::vector<float>{2, 5, 3, 6}));
  CHECK(values(twice, "b.w") == (std::vector<float>{2, 5, 3, 6}));
  // A pickle longer than what is read of a file at first.
  Legacy large;
  std::vector<std::pair<std::string, std::string>> members;
  for (int i = 0; i < 5000; ++i)
    members.emplace_back("option " + std::to_string(i), text(std::string(20, 'x')));
  members.emplace_back("w", tensor(storage("7", 6, "FloatStorage", "N"), 0, {6}, {1}));
  large.object = pickled(dict_of(members));
  CHECK(large.object.size() > 65'536 && values(large.bytes(), "w") == all);
  // PyTorch before 0.4 stored parts of storages under keys of their own.
  Legacy views;
  views.object = pickled(
      dict_of({{"w", tensor(storage("7", 6, "FloatStorage", tuple_of({text("8"), number(2), number(3)})), 1,
                            {2}, {1})}}));
  CHECK(values(views.bytes(), "w") == (std::vector<float>{4, 5}));
}

// Inpaint patches have three tensors for one, in the outermost dictionary or its state_dict.
TEST_ONCE(weights_torch_three_tensors_in_place_of_one) {
  using namespace ipa_test;
  const std::string one = tensor(storage("0", 6), 0, {2}, {1});
  const auto names = [](const std::string& pickle) {
    const auto source = ipa::open_torch_bytes(zip_around(pickled(pickle)).bytes(), "test");
    CHECK_OK(source.status());
    std::string all;
    if (source.ok())
      for (const ipa::TensorInfo& info : source.value()->tensors()) all += info.name + " ";
    return all;
  };
  const std::string three = tuple_of({one, one, one}), list = "](" + one + one + one + "e";
  CHECK_EQ(names(dict_of({{"a", three}, {"b", list}, {"c", one}})), "a.0 a.1 a.2 b.0 b.1 b.2 c ");
  CHECK_EQ(names(dict_of({{"state_dict", dict_of({{"a", three}})}})), "a.0 a.1 a.2 ");
  // Others are no weights, as before: what optimizers keep, for one.
  CHECK_EQ(names(dict_of({{"a", tuple_of({one, one})}, {"b", tuple_of({one, one, number(1)})}, {"c", one}})),
           "c ");
  CHECK_EQ(names(dict_of({{"a", dict_of({{"b", three}})}, {"c", one}})), "c ");
}

TEST_ONCE(weights_torch_parts_without_the_whole_aside) {
  constexpr int64_t rows = 4096, columns = 64;
  std::vector<float> values(static_cast<size_t>(rows * columns));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const std::string storage = ipa_test::storage("0", rows * columns);
  ipa_test::Zip zip = ipa_test::zip_around(ipa_test::pickled(
      ipa_test::dict_of({{"w", ipa_test::tensor(storage, 0, {rows, columns}, {columns, 1})},
                         {"t", ipa_test::tensor(storage, 0, {columns, rows}, {1, columns})}})));
  zip.members[2].data = ipa_test::floats(values);
  const auto source = ipa::open_torch_bytes(zip.bytes(), "parts").take();
  std::vector<float> part(100);
  {
    const ipa_test::PeakMemory peak;
    CHECK_OK(source->read_part(*source->find("w"), 5000, 100, part.data()));
    CHECK(peak.bytes() < int64_t{1} << 18);
  }
  CHECK(part[0] == 5000.0f && part[99] == 5099.0f);
  // Not in order: row 1 of the transposed one begins at value 1.
  CHECK_OK(source->read_part(*source->find("t"), rows, 100, part.data()));
  CHECK(part[0] == 1.0f && part[99] == 1.0f + 99 * columns);
  zip.members[2].bad_crc = true;
  const auto damaged = ipa::open_torch_bytes(zip.bytes(), "parts").take();
  CHECK(damaged->read_part(*damaged->find("w"), 0, 100, part.data()).code() == ipa::Code::layout);
}
