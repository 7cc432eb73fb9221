#include "doctor/time_estimate.h"

#include <algorithm>
#include <map>

#include "cpu/launch/thread_pool.h"
#include "doctor/known_networks.h"
#include "doctor/op_timer.h"

namespace ipa {
namespace {

constexpr int estimated_steps = 20;
// Of a network's work, what is not worth a measurement of its own.
constexpr double negligible_share = 0.01;

// The work of one kind of op in a plan, in all and of each of its sizes.
struct KindOfWork {
  std::map<std::string, std::pair<OpShape, double>> sizes;
  double sum = 0;

  void add(const OpShape& shape) {
    sizes.insert({shape.text(), {shape, 0}}).first->second.second += shape.work();
    sum += shape.work();
  }
  // Of the size that has most.
  const OpShape& usual() const {
    const auto less = [](const auto& a, const auto& b) { return a.second.second < b.second.second; };
    return std::max_element(sizes.begin(), sizes.end(), less)->second.first;
  }
};

// The work of a plan that has one unit: that of products and attention, or of passes over memory.
class Work {
 public:
  void add(const OpShape& shape) {
    kinds_[shape.kind()].add(shape);
    sum_ += shape.work();
  }
  void want(OpTimer& timer) const {
    each_kind([&](const KindOfWork& kind) { timer.want(kind.usual()); });
  }
  // What was not measured is as fast as the rest.
  double seconds(const OpTimer& timer) const {
    double seconds = 0, measured = 0;
    each_kind([&](const KindOfWork& kind) {
      seconds += kind.sum * timer.seconds_each(kind.usual());
      measured += kind.sum;
    });
    return measured > 0 ? seconds * sum_ / measured : 0;
  }

 private:
  template <class Visit>
  void each_kind(Visit visit) const {
    for (const auto& [name, kind] : kinds_)
      if (kind.sum >= negligible_share * sum_) visit(kind);
  }

  std::map<std::string, KindOfWork> kinds_;
  double sum_ = 0;
};

struct NetworkWork {
  Work products, passes;

  explicit NetworkWork(const Plan& plan) {
    for (const Step& step : plan.steps()) {
      const OpShape shape(step);
      (shape.multiplies() ? products : passes).add(shape);
    }
  }
  void want(OpTimer& timer) const {
    products.want(timer);
    passes.want(timer);
  }
  double seconds(const OpTimer& timer) const { return products.seconds(timer) + passes.seconds(timer); }
};

struct PictureWork {
  const char* model;
  int side;  // of the latents
  Compute dtype;
  std::vector<NetworkWork> encoders;
  std::vector<NetworkWork> step, decoder;  // one each

  PictureTime time(const OpTimer& timer) const {
    PictureTime time;
    time.model = model;
    time.dtype = dtype;
    time.side = 8 * side;
    time.steps = estimated_steps;
    for (const NetworkWork& encoder : encoders) time.encoders += encoder.seconds(timer);
    time.step = step.front().seconds(timer);
    time.decoder = decoder.front().seconds(timer);
    return time;
  }
};

class Estimate {
 public:
  Estimate(const Kernels& kernels, int threads, const CancelFlag* cancel)
      : backend_(kernels, threads), timer_(backend_, cancel) {}

  Status add_picture(const char* model, int side, Compute dtype) {
    PictureWork picture{model, side, dtype, {}, {}, {}};
    IPA_TRY(add({model, side, true}, dtype, picture.step));
    IPA_TRY(add({"vae", side}, dtype, picture.decoder));
    IPA_TRY(add({"vision"}, dtype, picture.encoders));
    IPA_TRY(add({"text"}, dtype, picture.encoders));
    if (std::string(model) == "sdxl") IPA_TRY(add({"text_xl"}, dtype, picture.encoders));
    pictures_.push_back(std::move(picture));
    return {};
  }

  Result<std::vector<PictureTime>> times() {
    IPA_TRY(timer_.measure());
    std::vector<PictureTime> times;
    for (const PictureWork& picture : pictures_) times.push_back(picture.time(timer_));
    return times;
  }

 private:
  Status add(KnownNetwork network, Compute dtype, std::vector<NetworkWork>& to) {
    network.set_dtype(dtype, backend_.capabilities());
    ParamSet params;
    Graph graph(&params);
    IPA_TRY(describe_known(graph, network, params).status());
    IPA_ASSIGN(const Plan plan, Plan::make(std::move(graph), backend_));
    to.emplace_back(plan);
    to.back().want(timer_);
    return {};
  }

  const CpuBackend backend_;
  OpTimer timer_;
  std::vector<PictureWork> pictures_;
};

}  // namespace

Result<std::vector<PictureTime>> estimate_times(const Kernels& kernels, const CancelFlag* cancel) {
  const int threads = ThreadPool::shared().planned_size();
  ThreadPool::shared().grow_to(threads);
  Estimate estimate(kernels, threads, cancel);
  for (const auto& [model, side] : {std::pair{"sd15", 64}, {"sdxl", 128}})
    for (const Compute dtype : {Compute::f32, Compute::bf16})
      if (dtype == Compute::f32 || kernels.fast_bf16) IPA_TRY(estimate.add_picture(model, side, dtype));
  return estimate.times();
}

}  // namespace ipa
