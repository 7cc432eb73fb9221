// What it does to a picture to multiply single parameters of its UNet in integers: native_sensitivity MODEL
// REQUESTS ADAPTER THREADS, run by bench/sensitivity.mjs. REQUESTS is a JSON file of what both ask for.
//
// First prints a line for every matrix: its name, its numbers of weights, and what choose_compute chooses for
// it with int8. Then answers lines from the standard input, one letter per matrix that says what it is
// multiplied in, f (f32), s (int16) or b (int8): `error LETTERS` with the relative L2 distance of each
// request's latents from those of all in f32, and `time LETTERS` with the seconds that a guided step spends in each
// matrix.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <string>

#include "base/file.h"
#include "models/compute_choice.h"
#include "networks.h"
#include "pipeline/generate.h"
#include "weights/formats/sharded.h"

namespace {

using ipa::Compute;
using ipa::Json;
using ipa::Param;
using ipa::Result;
using ipa::Status;

struct Letter {
  char letter;
  Compute compute;
};
constexpr Letter letters[] = {{'f', Compute::f32}, {'s', Compute::int16}, {'b', Compute::int8}};

// Of a type that has none: the one that it is closest to, integers of eight bits.
char letter_of(Compute compute) {
  for (const Letter& known : letters)
    if (known.compute == compute) return known.letter;
  return 'b';
}
constexpr int time_rounds = 3;

double number(const Json& object, const char* key) {
  const Json* found = object.find(key);
  return found && found->is_number() ? found->number() : 0;
}

std::vector<double> numbers(const Json& object, const char* key) {
  std::vector<double> values;
  const Json* found = object.find(key);
  if (found)
    for (const Json& value : found->array()) values.push_back(value.number());
  return values;
}

std::vector<ipa::TokenChunks> read_chunks(const Json& object, const char* key) {
  std::vector<ipa::TokenChunks> chunks;
  const Json* found = object.find(key);
  if (found)
    for (const Json& one : found->array()) {
      chunks.emplace_back();
      for (double id : numbers(one, "ids")) chunks.back().ids.push_back(static_cast<int32_t>(id));
      for (double weight : numbers(one, "weights")) chunks.back().weights.push_back(static_cast<float>(weight));
    }
  return chunks;
}

Result<std::vector<ipa::GenerateRequest>> read_requests(const std::string& file) {
  IPA_ASSIGN(const std::string text, ipa::read_file(file, 1 << 26));
  IPA_ASSIGN(const Json json, Json::parse(text));
  std::vector<ipa::GenerateRequest> requests;
  for (const Json& from : json.array()) {
    ipa::GenerateRequest& request = requests.emplace_back();
    request.prompt = read_chunks(from, "prompt");
    request.negative = read_chunks(from, "negative");
    request.scheduler = "ddim";
    request.steps = static_cast<int>(number(from, "steps"));
    request.guidance = static_cast<float>(number(from, "guidance"));
    request.seeds = {static_cast<uint64_t>(number(from, "seed"))};
    request.width = static_cast<int64_t>(number(from, "width"));
    request.height = static_cast<int64_t>(number(from, "height"));
    request.decode = false;
    const std::vector<double> embeds = numbers(from, "embeds");
    if (embeds.empty()) continue;
    ipa::ImagePrompt image;
    image.embeds.assign(embeds.begin(), embeds.end());
    request.branches.push_back({0, 1, {image}});
  }
  return requests;
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, length = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    difference += (x - y) * (x - y);
    length += y * y;
  }
  return std::sqrt(difference / length);
}

class Laboratory {
 public:
  std::unique_ptr<ipa::ModelSet> models;
  ipa::Caches caches;
  std::unique_ptr<ipa::TensorSource> source;  // of the UNet
  std::vector<ipa::GenerateRequest> requests;
  std::vector<Param*> matrices;

  Status open(const std::string& model, const std::string& file, const std::string& adapter, int threads) {
    ipa::LoadRequest load;
    load.model = model;
    load.threads = threads;
    if (!adapter.empty()) load.adapters = {adapter};
    IPA_ASSIGN(requests, read_requests(file));
    IPA_ASSIGN(models, ipa::ModelSet::load(load, nullptr));
    IPA_ASSIGN(source, ipa::open_model_weights(ipa::join_path(model, "unet"), ipa::diffusers_stem));
    for (const auto& param : models->unet->params.all())
      if (param->is_matrix()) matrices.push_back(param.get());
    for (const ipa::GenerateRequest& request : requests) {
      IPA_ASSIGN(ipa::GenerateResult result, ipa::generate({*models, caches}, request, nullptr, nullptr));
      exact_.push_back(std::move(result.latents.front()));
    }
    return {};
  }

  // The letters of choose_compute; parameters stay as they are.
  std::string choice() {
    std::vector<Compute> before;
    for (const auto& param : models->unet->params.all()) before.push_back(param->compute);
    ipa::choose_compute(models->unet->params, Compute::int8);
    std::string chosen;
    for (const Param* param : matrices) chosen += letter_of(param->compute);
    for (size_t i = 0; i < before.size(); ++i) models->unet->params.all()[i]->compute = before[i];
    return chosen;
  }

  Status set(const std::string& wanted) {
    if (wanted.size() != matrices.size())
      return Status(ipa::Code::invalid_option, "expected a letter a matrix");
    for (size_t i = 0; i < matrices.size(); ++i) {
      const auto* at = std::find_if(std::begin(letters), std::end(letters),
                                    [&](const Letter& known) { return known.letter == wanted[i]; });
      if (at == std::end(letters)) return Status(ipa::Code::invalid_option, "expected the letters f, s and b");
      if (matrices[i]->compute != at->compute) IPA_TRY(repack(*matrices[i], at->compute));
    }
    return {};
  }

  Status print_errors() {
    for (size_t i = 0; i < requests.size(); ++i) {
      IPA_ASSIGN(const ipa::GenerateResult result,
                 ipa::generate({*models, caches}, requests[i], nullptr, nullptr));
      std::printf("%s%.6e", i ? " " : "", distance(result.latents.front(), exact_[i]));
    }
    std::printf("\n");
    return {};
  }

  // Products only: attention, which is in int16 where what made its keys is not in f32, belongs to no matrix.
  Status print_times() {
    ipa_bench::Network network;
    ipa::Graph graph(&models->unet->params);
    const int64_t scale = models->vae->config().scale();
    const ipa::KnownInputs described = ipa::describe_guided_step(
        graph, models->unet->network, requests[0].height / scale, requests[0].width / scale, false);
    IPA_TRY(network.prepare(std::move(graph), described, backend()));
    const std::vector<ipa::Step>& steps = network.program->plan().steps();
    std::vector<double> best(steps.size(), 1e30);
    for (int round = 0; round < time_rounds; ++round) {
      ipa::StepSeconds seconds(steps.size(), 0.0);
      IPA_TRY(network.program->run(nullptr, &seconds));
      for (size_t i = 0; i < steps.size(); ++i) best[i] = std::min(best[i], seconds[i]);
    }
    double total = 0;
    for (double seconds : best) total += seconds;
    std::printf("%.6e", total);
    for (const Param* matrix : matrices) {
      double sum = 0;
      for (size_t i = 0; i < steps.size(); ++i) {
        const auto& params = steps[i].node->params;
        if (!params.empty() && params[0] == matrix) sum += best[i];
      }
      std::printf(" %.6e", sum);
    }
    std::printf("\n");
    return {};
  }

 private:
  std::vector<std::vector<float>> exact_;

  const ipa::Backend& backend() const { return models->backend(ipa::Part::unet); }

  Status repack(Param& param, Compute compute) {
    param.compute = compute;
    ipa::StoredTensors stored;
    stored.halves = std::all_of(param.names.begin(), param.names.end(), [&](const std::string& name) {
      return source->find(name)->type == ipa::DType::f16;
    });
    param.halves = stored.halves && param.may_be_halves();
    const ipa::DType type = stored.halves ? ipa::DType::f16 : ipa::DType::f32;
    std::vector<std::vector<uint8_t>> tensors;
    for (const std::string& name : param.names) {
      tensors.emplace_back(static_cast<size_t>(param.elements_each()) * ipa::dtype_size(type));
      IPA_TRY(source->read(*source->find(name), type, tensors.back().data()));
      stored.tensors.push_back(tensors.back().data());
    }
    std::vector<uint8_t> packed(backend().packed_bytes(param));
    param.data = ipa::Memory(backend().memory(), packed.size());
    if (!param.data) return Status(ipa::Code::no_memory, "out of memory");
    backend().pack(param, stored, packed.data());
    param.data.view().write(0, packed.data(), packed.size());
    return {};
  }
};

Status answer(Laboratory& laboratory, const std::string& line) {
  const size_t space = line.find(' ');
  const std::string what = line.substr(0, space);
  IPA_TRY(laboratory.set(space == std::string::npos ? "" : line.substr(space + 1)));
  if (what == "error") return laboratory.print_errors();
  if (what == "time") return laboratory.print_times();
  return Status(ipa::Code::invalid_option, "expected error or time");
}

int fail(const Status& status) {
  std::fprintf(stderr, "%s\n", status.message().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(
        stderr,
        "usage: native_sensitivity MODEL REQUESTS ADAPTER THREADS; run it by npm run bench:sensitivity\n");
    return 2;
  }
  Laboratory laboratory;
  const Status opened = laboratory.open(argv[1], argv[2], argv[3], std::atoi(argv[4]));
  if (!opened.ok()) return fail(opened);
  const std::string chosen = laboratory.choice();
  for (size_t i = 0; i < chosen.size(); ++i) {
    const Param& param = *laboratory.matrices[i];
    std::printf("%s %lld %c\n", param.names[0].c_str(),
                static_cast<long long>(param.elements_each() * static_cast<int64_t>(param.names.size())),
                chosen[i]);
  }
  std::printf("\n");
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    const Status status = answer(laboratory, line);
    if (!status.ok()) return fail(status);
    std::fflush(stdout);
  }
  return 0;
}
