#include "cuda_spared_api.h"

#include "allocation_counter.h"

namespace ipa_test {
namespace {

const GpuApi* real = nullptr;

template <auto Member>
struct Spared;

template <class Result, class... Args, Result (*GpuApi::*Member)(Args...)>
struct Spared<Member> {
  static Result call(Args... args) {
    const SparedAllocations spared;
    return (real->*Member)(args...);
  }
};

template <auto... Members>
void spare(GpuApi& table) {
  ((table.*Members = Spared<Members>::call), ...);
}

}  // namespace

const GpuApi* spared_api(const GpuApi& api) {
  static GpuApi table;
  real = &api;
  table = api;
  spare<&GpuApi::versions, &GpuApi::device_count, &GpuApi::device_info, &GpuApi::open, &GpuApi::close>(table);
  spare<&GpuApi::memory, &GpuApi::take, &GpuApi::give, &GpuApi::take_pinned, &GpuApi::give_pinned>(table);
  spare<&GpuApi::copy_in, &GpuApi::copy_out, &GpuApi::copy_within, &GpuApi::fill_zero, &GpuApi::launch>(table);
  spare<&GpuApi::graph_begin, &GpuApi::graph_end, &GpuApi::graph_launch, &GpuApi::graph_free>(table);
  spare<&GpuApi::event_create, &GpuApi::event_free, &GpuApi::event_record, &GpuApi::event_wait>(table);
  spare<&GpuApi::event_seconds, &GpuApi::describe>(table);
  return &table;
}

}  // namespace ipa_test
