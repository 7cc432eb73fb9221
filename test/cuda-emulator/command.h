// What a queue of a GPU is asked to do: recorded in a graph, or kept for later.
#pragma once

#include <cstdint>
#include <vector>

#include "cuda/api/gpu_api.h"

namespace cuda_emulator {

struct Command {
  enum class Kind { copy_in, copy_out, copy_within, fill_zero, launch, graph, event };
  Kind kind = Kind::launch;
  void* to = nullptr;
  const void* from = nullptr;
  uint64_t bytes = 0;
  int32_t kernel = 0;
  std::vector<uint8_t> arguments;
  GpuGraph* graph = nullptr;
  GpuEvent* event = nullptr;

  static Command copy(Kind kind, void* to, const void* from, uint64_t bytes) {
    Command command;
    command.kind = kind;
    command.to = to;
    command.from = from;
    command.bytes = bytes;
    return command;
  }
  static Command launch(int32_t kernel, const void* arguments, uint64_t bytes) {
    Command command;
    command.kernel = kernel;
    const auto* first = static_cast<const uint8_t*>(arguments);
    command.arguments.assign(first, first + bytes);
    return command;
  }
  static Command of_graph(GpuGraph* graph) {
    Command command;
    command.kind = Kind::graph;
    command.graph = graph;
    return command;
  }
  static Command of_event(GpuEvent* event) {
    Command command;
    command.kind = Kind::event;
    command.event = event;
    return command;
  }
};

}  // namespace cuda_emulator
