#include "models/t2i_adapter.h"

#include <string>

namespace ipa {
namespace {

// AdapterResnetBlock and LightAdapterResnetBlock, which differ in the second convolution.
Value residual(Graph& graph, const std::string& name, Value x, bool light) {
  const int64_t width = graph.shape(x).c;
  const Value h = graph.activate(graph.conv2d(x, name + ".block1", width), Activation::relu);
  return graph.add(light ? graph.conv2d(h, name + ".block2", width) : graph.conv1x1(h, name + ".block2", width),
                   x);
}

}  // namespace

int64_t T2iAdapter::input_width(size_t i) const {
  return i ? config_.widths[i - 1] : config_.square_channels();
}

Value T2iAdapter::build_block(Graph& graph, Value x, size_t i) const {
  const std::string name = "adapter.body." + std::to_string(i);
  const bool light = config_.kind == T2iKind::light;
  const int64_t width = config_.widths[i];
  if (!light && i == 0) x = graph.conv2d(x, "adapter.conv_in", width);
  if (light)
    x = graph.conv1x1(x, name + ".in_conv", width / 4);
  else if (graph.shape(x).c != width)
    x = graph.conv1x1(x, name + ".in_conv", width);
  for (int j = 0; j < config_.layers; ++j)
    x = residual(graph, name + ".resnets." + std::to_string(j), x, light);
  return light ? graph.conv1x1(x, name + ".out_conv", width) : x;
}

}  // namespace ipa
