#include "check/reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace ipa_ref {

using ipa::Activation;
using ipa::Shape;

double activation(Activation kind, double x) {
  switch (kind) {
    case Activation::none: return x;
    case Activation::silu: return x / (1 + std::exp(-x));
    case Activation::gelu: return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case Activation::gelu_tanh: {
      const double pi = 3.14159265358979323846;
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / pi) * (x + 0.044715 * x * x * x)));
    }
    case Activation::quick_gelu: return x / (1 + std::exp(-1.702 * x));
    case Activation::relu: return x > 0 ? x : 0;
    case Activation::soft_clamp_3: return 3 * std::tanh(x / 3);
    case Activation::unit_to_signed: return 2 * x - 1;
  }
  return x;
}

std::vector<int64_t> nearest(int64_t from, int64_t to) {
  // torch keeps the scale, and the product with it, in f32.
  const float scale = static_cast<float>(from) / static_cast<float>(to);
  std::vector<int64_t> map;
  for (int64_t i = 0; i < to; ++i) {
    const float position = static_cast<float>(i) * scale;
    map.push_back(std::min(from - 1, static_cast<int64_t>(std::floor(position))));
  }
  return map;
}

Tensor linear(const Tensor& x, const Doubles& weight, const Doubles& bias, int64_t out) {
  Tensor y(x.shape.with_channels(out));
  const int64_t in = x.shape.c;
  for (int64_t r = 0; r < x.shape.rows(); ++r)
    for (int64_t o = 0; o < out; ++o) {
      const double* a = &x.values[static_cast<size_t>(r * in)];
      const double* w = &weight[static_cast<size_t>(o * in)];
      double sum = bias.empty() ? 0 : bias[static_cast<size_t>(o)];
      for (int64_t i = 0; i < in; ++i) sum += a[i] * w[i];
      y.row(r, o) = sum;
    }
  return y;
}

Tensor geglu_linear(const Tensor& x, const Doubles& weight, const Doubles& bias, int64_t out) {
  const Tensor both = linear(x, weight, bias, 2 * out);
  Tensor y(x.shape.with_channels(out));
  for (int64_t r = 0; r < x.shape.rows(); ++r)
    for (int64_t o = 0; o < out; ++o)
      y.row(r, o) = both.row(r, o) * activation(Activation::gelu, both.row(r, out + o));
  return y;
}

Tensor wrap_around(const Tensor& x, ipa::Wrap wrap, ipa::Conv& conv) {
  const int left = wrap.x ? conv.pad_left : 0, right = wrap.x ? conv.pad_right : 0;
  const int top = wrap.y ? conv.pad_top : 0, bottom = wrap.y ? conv.pad_bottom : 0;
  conv.pad_left -= left;
  conv.pad_right -= right;
  conv.pad_top -= top;
  conv.pad_bottom -= bottom;
  Tensor y(Shape{x.shape.n, x.shape.h + top + bottom, x.shape.w + left + right, x.shape.c});
  // As many whole pictures up and to the left as keep the remainders positive.
  for (int64_t n = 0; n < y.shape.n; ++n)
    for (int64_t row = 0; row < y.shape.h; ++row)
      for (int64_t column = 0; column < y.shape.w; ++column)
        for (int64_t c = 0; c < y.shape.c; ++c)
          y.at(n, row, column, c) = x.values[static_cast<size_t>(
              ((n * x.shape.h + (row + top * x.shape.h - top) % x.shape.h) * x.shape.w +
               (column + left * x.shape.w - left) % x.shape.w) *
                  x.shape.c +
              c)];
  return y;
}

Tensor conv2d(const Tensor& x, const Doubles& weight, const Doubles& bias, int64_t out, const ipa::Conv& conv) {
  const int64_t h = (x.shape.h + conv.pad_top + conv.pad_bottom - conv.kernel_h) / conv.stride + 1;
  const int64_t w = (x.shape.w + conv.pad_left + conv.pad_right - conv.kernel_w) / conv.stride + 1;
  const int64_t in = x.shape.c, taps = static_cast<int64_t>(conv.kernel_h) * conv.kernel_w;
  Tensor y(Shape{x.shape.n, h, w, out});
  for (int64_t n = 0; n < x.shape.n; ++n)
    for (int64_t oy = 0; oy < h; ++oy)
      for (int64_t ox = 0; ox < w; ++ox)
        for (int64_t o = 0; o < out; ++o) {
          double sum = bias.empty() ? 0 : bias[static_cast<size_t>(o)];
          for (int ky = 0; ky < conv.kernel_h; ++ky)
            for (int kx = 0; kx < conv.kernel_w; ++kx) {
              const int64_t iy = oy * conv.stride + ky - conv.pad_top,
                            ix = ox * conv.stride + kx - conv.pad_left;
              if (iy < 0 || iy >= x.shape.h || ix < 0 || ix >= x.shape.w) continue;
              const double* pixel =
                  &x.values[static_cast<size_t>(((n * x.shape.h + iy) * x.shape.w + ix) * in)];
              const double* tap = &weight[static_cast<size_t>(o * in * taps + ky * conv.kernel_w + kx)];
              for (int64_t i = 0; i < in; ++i) sum += pixel[i] * tap[i * taps];
            }
          y.at(n, oy, ox, o) = sum;
        }
  return y;
}

Tensor norm_statistics(const Tensor& x, const Doubles& weight, const Doubles& bias, int groups,
                       double epsilon) {
  const int64_t rows = x.shape.rows_per_item(), channels = x.shape.c, each = channels / groups;
  Tensor statistics(Shape{x.shape.n, 1, 1, 3 * channels});
  const double count = static_cast<double>(rows * each);
  for (int64_t n = 0; n < x.shape.n; ++n)
    for (int64_t first = 0; first < channels; first += each) {
      double mean = 0, variance = 0;
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = first; c < first + each; ++c) mean += x.row(n * rows + r, c) / count;
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = first; c < first + each; ++c)
          variance += (x.row(n * rows + r, c) - mean) * (x.row(n * rows + r, c) - mean) / count;
      for (int64_t c = first; c < first + each; ++c) {
        statistics.row(n, c) = mean;
        statistics.row(n, channels + c) = weight[static_cast<size_t>(c)] / std::sqrt(variance + epsilon);
        statistics.row(n, 2 * channels + c) = bias[static_cast<size_t>(c)];
      }
    }
  return statistics;
}

Tensor norm_apply(const Tensor& x, const Tensor& statistics) {
  Tensor y(x.shape);
  const int64_t rows = x.shape.rows_per_item(), channels = x.shape.c;
  for (int64_t r = 0; r < x.shape.rows(); ++r)
    for (int64_t c = 0; c < channels; ++c)
      y.row(r, c) = (x.row(r, c) - statistics.row(r / rows, c)) * statistics.row(r / rows, channels + c) +
                    statistics.row(r / rows, 2 * channels + c);
  return y;
}

Tensor group_norm(const Tensor& x, const Doubles& weight, const Doubles& bias, int groups, double epsilon) {
  return norm_apply(x, norm_statistics(x, weight, bias, groups, epsilon));
}

Tensor layer_norm(const Tensor& x, const Doubles& weight, const Doubles& bias, double epsilon) {
  Tensor y(x.shape);
  const auto count = static_cast<double>(x.shape.c);
  for (int64_t r = 0; r < x.shape.rows(); ++r) {
    double mean = 0, variance = 0;
    for (int64_t c = 0; c < x.shape.c; ++c) mean += x.row(r, c) / count;
    for (int64_t c = 0; c < x.shape.c; ++c) variance += (x.row(r, c) - mean) * (x.row(r, c) - mean) / count;
    for (int64_t c = 0; c < x.shape.c; ++c)
      y.row(r, c) = (x.row(r, c) - mean) / std::sqrt(variance + epsilon) * weight[static_cast<size_t>(c)] +
                    bias[static_cast<size_t>(c)];
  }
  return y;
}

Tensor activate(const Tensor& x, Activation kind) {
  Tensor y = x;
  for (double& value : y.values) value = activation(kind, value);
  return y;
}

Tensor add(const Tensor& a, const Tensor& b) {
  Tensor y(a.shape);
  for (int64_t n = 0; n < a.shape.n; ++n)
    for (int64_t h = 0; h < a.shape.h; ++h)
      for (int64_t w = 0; w < a.shape.w; ++w)
        for (int64_t c = 0; c < a.shape.c; ++c)
          y.at(n, h, w, c) = a.at(n, h, w, c) +
                             b.at(b.shape.n == 1 ? 0 : n, b.shape.h == 1 ? 0 : h, b.shape.w == 1 ? 0 : w, c);
  return y;
}

Tensor concat_channels(const Tensor& a, const Tensor& b) {
  Tensor y(a.shape.with_channels(a.shape.c + b.shape.c));
  for (int64_t r = 0; r < a.shape.rows(); ++r)
    for (int64_t c = 0; c < y.shape.c; ++c) y.row(r, c) = c < a.shape.c ? a.row(r, c) : b.row(r, c - a.shape.c);
  return y;
}

Tensor concat_tokens(const Tensor& a, const Tensor& b) {
  const int64_t first = a.shape.rows_per_item(), second = b.shape.rows_per_item();
  Tensor y(ipa::tokens_shape(a.shape.n, first + second, a.shape.c));
  for (int64_t n = 0; n < a.shape.n; ++n)
    for (int64_t t = 0; t < first + second; ++t)
      for (int64_t c = 0; c < a.shape.c; ++c)
        y.at(n, 0, t, c) = t < first ? a.row(n * first + t, c) : b.row(n * second + t - first, c);
  return y;
}

Tensor slice_channels(const Tensor& x, int64_t offset, int64_t count) {
  Tensor y(x.shape.with_channels(count));
  for (int64_t r = 0; r < x.shape.rows(); ++r)
    for (int64_t c = 0; c < count; ++c) y.row(r, c) = x.row(r, offset + c);
  return y;
}

Tensor upsample(const Tensor& x, int64_t height, int64_t width) {
  Tensor y(Shape{x.shape.n, height, width, x.shape.c});
  const std::vector<int64_t> rows = nearest(x.shape.h, height), columns = nearest(x.shape.w, width);
  for (int64_t n = 0; n < x.shape.n; ++n)
    for (int64_t h = 0; h < height; ++h)
      for (int64_t w = 0; w < width; ++w)
        for (int64_t c = 0; c < x.shape.c; ++c)
          y.at(n, h, w, c) = x.at(n, rows[static_cast<size_t>(h)], columns[static_cast<size_t>(w)], c);
  return y;
}

Tensor param_rows(const Doubles& table, int64_t rows, int64_t channels, int64_t batch) {
  Tensor y(ipa::tokens_shape(batch, rows, channels));
  for (int64_t r = 0; r < batch * rows; ++r)
    for (int64_t c = 0; c < channels; ++c) y.row(r, c) = table[static_cast<size_t>(r % rows * channels + c)];
  return y;
}

Tensor gather_rows(const Doubles& table, const std::vector<int32_t>& ids, Shape ids_shape, int64_t channels) {
  Tensor y(ids_shape.with_channels(channels));
  for (int64_t r = 0; r < y.shape.rows(); ++r)
    for (int64_t c = 0; c < channels; ++c)
      y.row(r, c) = table[static_cast<size_t>(ids[static_cast<size_t>(r)] * channels + c)];
  return y;
}

Tensor attention(const Tensor& q, const std::vector<Keys>& branches, int heads, bool causal) {
  Tensor y(q.shape);
  const int64_t queries = q.shape.rows_per_item(), size = q.shape.c / heads;
  for (const Keys& branch : branches) {
    const int64_t tokens = branch.k.shape.rows_per_item();
    for (int64_t n = 0; n < q.shape.n; ++n)
      for (int64_t head = 0; head < heads; ++head)
        for (int64_t i = 0; i < queries; ++i) {
          const int64_t visible = causal ? std::min(tokens, i + 1) : tokens;
          Doubles weight(static_cast<size_t>(visible));
          const double* query = &q.values[static_cast<size_t>((n * queries + i) * q.shape.c + head * size)];
          for (int64_t t = 0; t < visible; ++t) {
            const double* key =
                &branch.k.values[static_cast<size_t>((n * tokens + t) * q.shape.c + head * size)];
            double score = 0;
            for (int64_t d = 0; d < size; ++d) score += query[d] * key[d];
            weight[static_cast<size_t>(t)] = score / std::sqrt(static_cast<double>(size));
          }
          const double largest = *std::max_element(weight.begin(), weight.end());
          double total = 0;
          for (double& w : weight) total += w = std::exp(w - largest);
          double* out = &y.values[static_cast<size_t>((n * queries + i) * q.shape.c + head * size)];
          for (int64_t t = 0; t < visible; ++t) {
            const size_t at = branch.scales.size() == 1 ? 0 : static_cast<size_t>(n * queries + i);
            const double scale = branch.scales[at];
            const double share = scale * weight[static_cast<size_t>(t)] / total;
            const double* value =
                &branch.v.values[static_cast<size_t>((n * tokens + t) * q.shape.c + head * size)];
            for (int64_t d = 0; d < size; ++d) out[d] += share * value[d];
          }
        }
  }
  return y;
}

namespace {

// Of one query of the last item over all keys of one head.
Doubles probabilities_of(const Tensor& q, const Tensor& k, int64_t query, int64_t head, int64_t size) {
  const int64_t queries = q.shape.rows_per_item(), tokens = k.shape.rows_per_item(), item = q.shape.n - 1;
  Doubles weights;
  double largest = -1e300, total = 0;
  for (int64_t t = 0; t < tokens; ++t) {
    double score = 0;
    for (int64_t d = head * size; d < (head + 1) * size; ++d)
      score += q.row(item * queries + query, d) * k.row(item * tokens + t, d);
    weights.push_back(score / std::sqrt(static_cast<double>(size)));
    largest = std::max(largest, weights.back());
  }
  for (double& w : weights) total += w = std::exp(w - largest);
  for (double& w : weights) w /= total;
  return weights;
}

}  // namespace

Tensor attention_map(const Tensor& q, const std::vector<Keys>& branches, int heads,
                     const std::vector<ipa::TokenSpan>& spans) {
  const int64_t queries = q.shape.rows_per_item(), size = q.shape.c / heads, item = q.shape.n - 1;
  const int sources = spans.empty() ? 0 : spans.back().source + 1;
  std::vector<int64_t> starts;
  int64_t columns = 0;
  for (const Keys& branch : branches) {
    starts.push_back(columns);
    columns += branch.k.shape.rows_per_item();
  }
  Tensor map({1, q.shape.h, q.shape.w, columns + std::max(0, sources - 1)});
  for (int64_t i = 0; i < queries; ++i) {
    Doubles squares(static_cast<size_t>(sources));
    for (int64_t head = 0; head < heads; ++head) {
      std::vector<Doubles> added(squares.size(), Doubles(static_cast<size_t>(size)));
      for (size_t part = 0; part < branches.size(); ++part) {
        const Keys& branch = branches[part];
        const Doubles weights = probabilities_of(q, branch.k, i, head, size);
        for (size_t t = 0; t < weights.size(); ++t)
          map.row(i, starts[part] + static_cast<int64_t>(t)) += weights[t] / heads;
        const size_t at = branch.scales.size() == 1 ? 0 : static_cast<size_t>(item * queries + i);
        for (const ipa::TokenSpan& span : spans)
          for (int64_t t = span.first; span.part == static_cast<int>(part) && t < span.first + span.count; ++t)
            for (int64_t d = 0; d < size; ++d)
              added[static_cast<size_t>(span.source)][static_cast<size_t>(d)] +=
                  branch.scales[at] * weights[static_cast<size_t>(t)] *
                  branch.v.row(item * branch.v.shape.rows_per_item() + t, head * size + d);
      }
      for (size_t s = 0; s < squares.size(); ++s)
        for (double x : added[s]) squares[s] += x * x;
    }
    for (size_t s = 1; s < squares.size(); ++s)
      map.row(i, columns + static_cast<int64_t>(s) - 1) =
          squares[0] > 0 ? std::sqrt(squares[s] / squares[0]) : 0;
  }
  return map;
}

namespace {

double product(const Tensor& x, int64_t a, int64_t b) {
  double sum = 0;
  for (int64_t c = 0; c < x.shape.c; ++c) sum += x.row(a, c) * x.row(b, c);
  return sum;
}

// Of one item: its first token is `base`, its first slot `slot`.
void number_item(const Tensor& x, int64_t merged, int64_t base, int64_t slot, std::vector<int32_t>& slots) {
  const int64_t h = x.shape.h, w = x.shape.w;
  std::vector<int64_t> corners, others;
  for (int64_t t = 0; t < h * w; ++t) {
    const int64_t row = t / w, column = t % w;
    const bool corner = row % 2 == 0 && column % 2 == 0 && row < h / 2 * 2 && column < w / 2 * 2;
    (corner ? corners : others).push_back(base + t);
  }
  Doubles lengths;
  for (int64_t token : corners) lengths.push_back(std::sqrt(product(x, token, token)));
  std::vector<std::pair<double, size_t>> best;  // cosine, place in `corners`
  for (int64_t token : others) {
    const double length = std::sqrt(product(x, token, token));
    std::pair<double, size_t> top{-2, 0};
    for (size_t j = 0; j < corners.size(); ++j)
      top = std::max(top, {product(x, token, corners[j]) / (length * lengths[j]), j});
    best.push_back(top);
  }
  std::vector<size_t> order;
  for (size_t i = 0; i < others.size(); ++i) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return best[a].first > best[b].first; });
  const auto at = [&](int64_t token) -> int32_t& { return slots[static_cast<size_t>(token)]; };
  const int64_t first = slot;
  for (int64_t token : corners) at(token) = static_cast<int32_t>(slot++);
  for (size_t i = 0; i < order.size(); ++i)
    at(others[order[i]]) = static_cast<int32_t>(
        static_cast<int64_t>(i) < merged ? first + static_cast<int64_t>(best[order[i]].second) : slot++);
}

}  // namespace

std::vector<int32_t> token_slots(const Tensor& x, int64_t merged) {
  std::vector<int32_t> slots(static_cast<size_t>(x.shape.rows()));
  const int64_t tokens = x.shape.rows_per_item();
  for (int64_t n = 0; n < x.shape.n; ++n) number_item(x, merged, n * tokens, n * (tokens - merged), slots);
  return slots;
}

Tensor merge_rows(const Tensor& x, const std::vector<int32_t>& slots, int64_t left) {
  Tensor y(ipa::tokens_shape(x.shape.n, left, x.shape.c));
  Doubles counts(static_cast<size_t>(y.shape.rows()));
  for (const int32_t slot : slots) counts[static_cast<size_t>(slot)] += 1;
  for (int64_t r = 0; r < x.shape.rows(); ++r) {
    const auto slot = static_cast<size_t>(slots[static_cast<size_t>(r)]);
    for (int64_t c = 0; c < x.shape.c; ++c) y.row(static_cast<int64_t>(slot), c) += x.row(r, c) / counts[slot];
  }
  return y;
}

double relative_error(const std::vector<float>& actual, const Tensor& expected) {
  constexpr double infinite = std::numeric_limits<double>::infinity();
  if (actual.size() != expected.values.size()) return infinite;
  double error = 0, largest = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    if (!std::isfinite(actual[i])) return infinite;
    error = std::max(error, std::fabs(static_cast<double>(actual[i]) - expected.values[i]));
    largest = std::max(largest, std::fabs(expected.values[i]));
  }
  return error == 0 ? 0 : error / largest;
}

}  // namespace ipa_ref
