#include "weights/describe/adapter_layers.h"

#include <climits>
#include <map>
#include <set>

#include "base/utf8.h"
#include "weights/shape_text.h"

namespace ipa {
namespace {

const std::string prefix = "ip_adapter.";
constexpr const char* projections[] = {"to_q", "to_k", "to_v", "to_out"};
constexpr const char* sides[] = {"down", "up"};

std::string lora_part(const char* projection, const char* side) {
  return std::string(projection) + "_lora." + side + ".weight";
}

class Reader {
 public:
  explicit Reader(const TensorSource& source) : source_(source) {}

  Result<AdapterLayers> read() {
    for (const TensorInfo& info : source_.tensors())
      if (info.name.compare(0, prefix.size(), prefix) == 0) IPA_TRY(read_tensor(info));
    if (pairs_.empty()) return error(Code::missing_tensor, "has no ip_adapter.N.to_k_ip and to_v_ip tensors");
    int expected = 1;
    for (const auto& [number, pair] : pairs_) {
      if (number % 2 == 0)
        return error(Code::mismatch,
                     "has K/V tensors at the even number " + std::to_string(number) +
                         "; adapters of Stable Diffusion's UNets have odd numbers only (is it for a "
                         "transformer model such as SD3 or Flux?)");
      if (number != expected)
        return error(Code::missing_tensor,
                     "tensor " + in_quotes(prefix + std::to_string(expected) + ".to_k_ip.weight") +
                         " is missing, though there are higher numbers");
      expected += 2;
      IPA_TRY(read_pair(number, pair));
    }
    IPA_TRY(check_lora());
    layers_.lora = !lora_.empty();
    return layers_;
  }

 private:
  struct Pair {
    const TensorInfo* k = nullptr;
    const TensorInfo* v = nullptr;
  };

  Status error(Code code, const std::string& what) const {
    return Status(code, in_quotes(source_.path(), 1024) + ": " + what);
  }

  Status unknown(const TensorInfo& info) const {
    return error(Code::unsupported,
                 "tensor " + in_quotes(info.name) + " is not known in an IP-Adapter for Stable Diffusion");
  }

  Status read_tensor(const TensorInfo& info) {
    const size_t dot = info.name.find('.', prefix.size());
    const std::string number = info.name.substr(prefix.size(), dot - prefix.size());
    const bool digits = !number.empty() && number.size() <= 5 && (number[0] != '0' || number.size() == 1) &&
                        number.find_first_not_of("0123456789") == std::string::npos;
    if (dot == std::string::npos || !digits) return unknown(info);
    const std::string part = info.name.substr(dot + 1);
    if (part == "to_k_ip.weight") {
      pairs_[std::stoi(number)].k = &info;
    } else if (part == "to_v_ip.weight") {
      pairs_[std::stoi(number)].v = &info;
    } else if (is_lora(part)) {
      lora_.insert(info.name);
    } else {
      return unknown(info);
    }
    return {};
  }

  static bool is_lora(const std::string& part) {
    for (const char* projection : projections)
      for (const char* side : sides)
        if (part == lora_part(projection, side)) return true;
    return false;
  }

  Status read_pair(int number, const Pair& pair) {
    if (!pair.k || !pair.v) {
      const char* missing = pair.k ? ".to_v_ip.weight" : ".to_k_ip.weight";
      return error(Code::missing_tensor,
                   "tensor " + in_quotes(prefix + std::to_string(number) + missing) + " is missing");
    }
    const std::vector<int64_t>& shape = pair.k->shape;
    if (shape.size() != 2 || shape[0] < 1 || shape[1] < 1 || shape[0] > INT_MAX || shape[1] > INT_MAX)
      return error(Code::shape, "tensor " + in_quotes(pair.k->name) + " has shape " + shape_text(shape) +
                                    ", expected [layer width, token width]");
    const int cross = static_cast<int>(shape[1]);
    if (layers_.indices.empty()) layers_.cross_size = cross;
    if (pair.v->shape != shape || cross != layers_.cross_size) {
      const TensorInfo* odd_one = pair.v->shape != shape ? pair.v : pair.k;
      return error(Code::shape, "tensor " + in_quotes(odd_one->name) + " has shape " +
                                    shape_text(odd_one->shape) + ", expected " +
                                    shape_text({shape[0], layers_.cross_size}));
    }
    layers_.indices.push_back(number);
    layers_.hidden_sizes.push_back(static_cast<int>(shape[0]));
    return {};
  }

  // Half a LoRA would be another person than the adapter was trained with.
  Status check_lora() const {
    if (lora_.empty()) return {};
    const int count = 2 * static_cast<int>(layers_.indices.size());
    for (int number = 0; number < count; ++number)
      for (const char* projection : projections)
        for (const char* side : sides) {
          const std::string name = prefix + std::to_string(number) + "." + lora_part(projection, side);
          if (!lora_.count(name))
            return error(Code::missing_tensor, "tensor " + in_quotes(name) + " is missing");
        }
    if (lora_.size() != static_cast<size_t>(count) * 8)
      return error(Code::mismatch, "its LoRA has more layers than the " + std::to_string(count) +
                                       " attention layers that its K/V tensors are for");
    return {};
  }

  const TensorSource& source_;
  AdapterLayers layers_;
  std::map<int, Pair> pairs_;
  std::set<std::string> lora_;
};

}  // namespace

Result<AdapterLayers> read_adapter_layers(const TensorSource& source) { return Reader(source).read(); }

}  // namespace ipa
