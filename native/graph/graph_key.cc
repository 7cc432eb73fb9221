#include "graph/graph_key.h"

#include <cstring>
#include <type_traits>

namespace ipa {
namespace {

// Two multiplicative hashes with different constants (those of SplitMix64 and of MurmurHash3's finaliser).
class Fingerprint {
 public:
  template <class T>
  void add(T value) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(uint64_t));
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof value);
    key_.high = mix(key_.high ^ bits, 0xbf58476d1ce4e5b9u) + 0x9e3779b97f4a7c15u;
    key_.low = mix(key_.low + bits, 0xff51afd7ed558ccdu) ^ 0xc4ceb9fe1a85ec53u;
  }
  const GraphKey& key() const { return key_; }

 private:
  static uint64_t mix(uint64_t value, uint64_t factor) {
    value ^= value >> 31;
    value *= factor;
    return value ^ (value >> 29);
  }
  GraphKey key_{0x243f6a8885a308d3u, 0x13198a2e03707344u};
};

void add_shape(Fingerprint& print, const Shape& shape) {
  for (const int64_t size : {shape.n, shape.h, shape.w, shape.c}) print.add(size);
}

void add_settings(Fingerprint& print, const Node& node) {
  const Conv& conv = node.conv;
  for (const int of : {conv.kernel_h, conv.kernel_w, conv.stride, conv.pad_top, conv.pad_left, conv.pad_bottom,
                       conv.pad_right, node.groups, static_cast<int>(node.activation), node.kv.heads,
                       node.kv.head_size, static_cast<int>(node.kv.compute)})
    print.add(of);
  for (const bool of : {node.wrap.x, node.wrap.y, node.causal, node.compact}) print.add(of);
  print.add(node.kv.batch);
  print.add(node.kv.tokens);
  print.add(node.epsilon);
  print.add(node.offset);
  for (const TokenSpan& span : node.spans) {
    print.add(span.source);
    print.add(span.part);
    print.add(span.first);
    print.add(span.count);
  }
}

}  // namespace

GraphKey graph_key(const Graph& graph) {
  Fingerprint print;
  for (const Node& node : graph.nodes()) {
    print.add(node.op);
    print.add(node.storage);
    add_shape(print, node.shape);
    print.add(node.inputs.size());
    for (const Value input : node.inputs) print.add(input.id);
    print.add(node.params.size());
    for (const Param* param : node.params) print.add(param);
    add_settings(print, node);
  }
  for (const Value output : graph.outputs()) print.add(output.id);
  return print.key();
}

}  // namespace ipa
