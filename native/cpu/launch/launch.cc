#include "cpu/launch/launch.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/ceil_div.h"
#include "cpu/launch/launch_scratch.h"

namespace ipa {
namespace {

// Rows a task of a light op takes: enough to be worth a hand-over.
int64_t rows_per_task(int64_t rows, int64_t channels) {
  return std::clamp<int64_t>(32768 / std::max<int64_t>(1, channels), 1, std::max<int64_t>(1, rows));
}

int64_t source_row(const CopyArgs& g, int64_t row) {
  switch (g.kind) {
    case CopyArgs::Kind::same: return row;
    case CopyArgs::Kind::repeat: return row % g.period;
    case CopyArgs::Kind::gather: return std::clamp<int64_t>(g.ids[row], 0, g.from_rows - 1);
    case CopyArgs::Kind::tokens: return row;
    case CopyArgs::Kind::enlarge: {
      const int64_t x = row % g.out_w, y = row / g.out_w % g.out_h, item = row / g.out_w / g.out_h;
      return (item * g.in_h + g.map_h[y]) * g.in_w + g.map_w[x];
    }
  }
  return row;
}

void copy_rows(const Kernels& kernels, const CopyArgs& g, int64_t task) {
  const int64_t first = task * g.block_rows, last = std::min(g.rows, first + g.block_rows);
  for (int64_t row = first; row < last; ++row) {
    const int64_t target = g.kind == CopyArgs::Kind::tokens
                               ? row / g.in_tokens * g.out_tokens + g.offset + row % g.in_tokens
                               : row;
    float* to = g.to + target * g.to_stride;
    const int64_t from = source_row(g, row) * g.from_stride;
    if (g.halves)
      kernels.widen(g.halves + from, g.channels, to);
    else
      std::memcpy(to, g.from + from, static_cast<size_t>(g.channels) * sizeof(float));
  }
}

float element(const GroupNormArgs& g, int64_t index) {
  return g.x_bf16 ? to_float(reinterpret_cast<const BFloat16*>(g.x)[index]) : g.x[index];
}

// Meets the blocks' sums of one group of one item in f64 (Chan et al.: the cells' own deviations, and the
// cells' means about the common one; a cell is one channel of one block). Leaves the mean and, a channel each,
// a factor and an offset.
void group_norm_finish(const GroupNormArgs& g, int64_t task) {
  const int64_t item = task / g.groups, per_group = g.channels / g.groups;
  const int64_t first = task % g.groups * per_group, last = first + per_group;
  auto each_cell = [&](auto visit) {
    for (int64_t b = 0; b < g.blocks; ++b) {
      const int64_t origin = (item * g.rows + b * g.block_rows) * g.x_stride;
      const float* sums = g.partial + (item * g.blocks + b) * 2 * g.channels;
      const auto rows = static_cast<double>(std::min(g.block_rows, g.rows - b * g.block_rows));
      const double inverse = 1.0 / rows;
      for (int64_t c = first; c < last; ++c) {
        const auto sum = static_cast<double>(sums[c]);
        const double mean = sum * inverse;  // about the origin
        visit(rows, static_cast<double>(element(g, origin + c)) + mean,
              static_cast<double>(sums[g.channels + c]) - sum * mean);
      }
    }
  };
  const double count = static_cast<double>(g.rows) * static_cast<double>(per_group);
  double mean = 0, deviation = 0;
  each_cell([&](double rows, double own, double) { mean += rows * own; });
  mean /= count;
  each_cell([&](double rows, double own, double about_own) {
    deviation += std::max(0.0, about_own) + rows * (own - mean) * (own - mean);
  });
  const double scale = 1.0 / std::sqrt(deviation / count + static_cast<double>(g.epsilon));
  const auto rounded = static_cast<float>(mean);
  float* means = g.affine + item * 3 * g.channels;
  for (int64_t c = first; c < last; ++c) {
    const double factor = scale * static_cast<double>(g.gamma[c]);
    means[c] = rounded;
    means[g.channels + c] = static_cast<float>(factor);
    means[2 * g.channels + c] =
        static_cast<float>(static_cast<double>(g.beta[c]) - (mean - static_cast<double>(rounded)) * factor);
  }
}

}  // namespace

float* LaunchBuilder::at(const Place& place) const {
  if (!place.valid) return nullptr;
  uint8_t* base =
      place.binding >= 0 ? static_cast<uint8_t*>(bindings_[static_cast<size_t>(place.binding)]) : arena_;
  return reinterpret_cast<float*>(base + place.offset);
}

const int32_t* LaunchBuilder::nearest_map(int64_t from, int64_t to) {
  std::vector<int32_t> map(static_cast<size_t>(to));
  const float scale = static_cast<float>(from) / static_cast<float>(to);  // PyTorch's rule, in its precision
  for (int64_t i = 0; i < to; ++i)
    map[static_cast<size_t>(i)] = static_cast<int32_t>(
        std::min<int64_t>(from - 1, static_cast<int64_t>(std::floor(static_cast<float>(i) * scale))));
  memory_.maps.push_back(std::move(map));
  return memory_.maps.back().data();
}

void LaunchBuilder::push(Launch::Arguments arguments,
                         void (*task)(const Kernels&, const Launch::Arguments&, int64_t, float*), int64_t tasks,
                         double work, const Step& step, int64_t scratch_floats) {
  Launch launch;
  launch.arguments = std::move(arguments);
  launch.task = task;
  launch.tasks = tasks;
  // Below this a hand-over to another thread costs more than it saves.
  constexpr double worth_sharing = 60'000;
  launch.threads = work < worth_sharing ? 1 : threads_;
  launch.scratch = reinterpret_cast<float*>(arena_ + step.scratch_offset) + shared_scratch_floats(step);
  launch.scratch_floats = scratch_floats;
  launch.step = step_;
  launches_.push_back(std::move(launch));
}

void LaunchBuilder::add(const Step& step) {
  switch (step.node->op) {
    case Op::linear:
    case Op::geglu_linear:
    case Op::conv2d: product(step); break;
    case Op::group_norm:
    case Op::norm_statistics:
    case Op::norm_apply: group_norm(step); break;
    case Op::layer_norm: layer_norm(step); break;
    case Op::activation:
    case Op::add: rows(step); break;
    case Op::param_rows:
    case Op::gather_rows:
    case Op::concat_channels:
    case Op::concat_tokens:
    case Op::upsample: copies(step); break;
    case Op::pack_kv: pack_kv(step); break;
    case Op::attention: attention(step); break;
    case Op::token_map: token_map(step); break;
    case Op::merge_rows: merged_rows(step); break;
    case Op::input:
    case Op::slice_channels:
    case Op::reshape: break;  // no work
  }
  ++step_;
}

void LaunchBuilder::group_norm(const Step& step) {
  const Shape& in = step.input_shapes[0];
  GroupNormArgs g;
  g.x = at(step.inputs[0]);
  g.x_stride = step.inputs[0].row_stride;
  g.out = at(step.out);
  g.out_stride = step.out.row_stride;
  g.x_bf16 = step.input_storages[0] == Storage::bf16;
  g.out_bf16 = step.out_storage == Storage::bf16;
  g.items = in.n;
  g.rows = in.rows_per_item();
  g.channels = in.c;
  g.groups = step.node->groups;
  g.epsilon = step.node->epsilon;
  g.activation = step.activation;
  g.block_rows = group_norm_block;
  g.blocks = ceil_div(g.rows, g.block_rows);
  const auto elements = static_cast<double>(in.elements());
  if (step.node->op == Op::norm_apply) {
    g.affine = at(step.inputs[1]);
  } else {
    g.gamma = weights(step, 0);
    g.beta = weights(step, 1);
    g.partial = reinterpret_cast<float*>(arena_ + step.scratch_offset);
    g.affine =
        step.node->op == Op::norm_statistics ? at(step.out) : g.partial + g.items * g.blocks * 2 * g.channels;
    push(
        g,
        [](const Kernels& k, const Launch::Arguments& a, int64_t t, float*) {
          k.group_norm_sums(get<GroupNormArgs>(a), t);
        },
        g.items * g.blocks, elements, step, 0);
    push(
        g,
        [](const Kernels&, const Launch::Arguments& a, int64_t t, float*) {
          group_norm_finish(get<GroupNormArgs>(a), t);
        },
        g.items * g.groups, static_cast<double>(g.items * g.blocks * g.channels * 4), step, 0);
  }
  if (step.node->op == Op::norm_statistics) return;
  push(
      g,
      [](const Kernels& k, const Launch::Arguments& a, int64_t t, float*) {
        k.group_norm_apply(get<GroupNormArgs>(a), t);
      },
      g.items * g.blocks, elements * 2, step, 0);
}

void LaunchBuilder::layer_norm(const Step& step) {
  const Shape& in = step.input_shapes[0];
  LayerNormArgs g;
  g.x = at(step.inputs[0]);
  g.x_stride = step.inputs[0].row_stride;
  g.out = at(step.out);
  g.out_bf16 = step.out_storage == Storage::bf16;
  g.gamma = weights(step, 0);
  g.beta = weights(step, 1);
  g.rows = in.rows();
  g.channels = in.c;
  g.epsilon = step.node->epsilon;
  g.block_rows = rows_per_task(g.rows, g.channels);
  push(
      g,
      [](const Kernels& k, const Launch::Arguments& a, int64_t t, float*) {
        k.layer_norm(get<LayerNormArgs>(a), t);
      },
      ceil_div(g.rows, g.block_rows), static_cast<double>(in.elements()), step, 0);
}

void LaunchBuilder::rows(const Step& step) {
  RowsArgs g;
  g.a = at(step.inputs[0]);
  g.a_stride = step.inputs[0].row_stride;
  g.out = at(step.out);
  g.out_stride = step.out.row_stride;
  g.rows = step.out_shape.rows();
  g.channels = step.out_shape.c;
  g.activation = step.activation;
  g.block_rows = rows_per_task(g.rows, g.channels);
  const int64_t tasks = ceil_div(g.rows, g.block_rows);
  const auto elements = static_cast<double>(step.out_shape.elements());
  if (step.node->op == Op::activation) {
    push(
        g,
        [](const Kernels& k, const Launch::Arguments& a, int64_t t, float*) {
          k.activate(get<RowsArgs>(a), t);
        },
        tasks, elements * 4, step, 0);
    return;
  }
  g.b = at(step.inputs[1]);
  g.b_stride = step.inputs[1].row_stride;
  const Shape& b = step.input_shapes[1];
  if (!(b == step.out_shape)) {
    if (b.rows_per_item() == 1 && b.n == step.out_shape.n)
      g.b_divide = step.out_shape.rows_per_item();
    else
      g.b_period = b.rows();
  }
  push(
      g, [](const Kernels& k, const Launch::Arguments& a, int64_t t, float*) { k.add(get<RowsArgs>(a), t); },
      tasks, elements, step, 0);
}

void LaunchBuilder::push_copy(CopyArgs copy, const Step& step) {
  copy.block_rows = rows_per_task(copy.rows, copy.channels);
  push(
      copy,
      [](const Kernels& k, const Launch::Arguments& a, int64_t t, float*) {
        copy_rows(k, get<CopyArgs>(a), t);
      },
      ceil_div(copy.rows, copy.block_rows), static_cast<double>(copy.rows * copy.channels), step, 0);
}

void LaunchBuilder::copies(const Step& step) {
  CopyArgs g;
  g.to = at(step.out);
  g.to_stride = step.out.row_stride;
  g.rows = step.out_shape.rows();
  g.channels = step.out_shape.c;
  auto from_input = [&](size_t i) {
    g.from = at(step.inputs[i]);
    g.from_stride = step.inputs[i].row_stride;
    g.from_rows = step.input_shapes[i].rows();
  };
  auto from_param = [&] {
    g.from = weights(step, 0);
    if (step.node->params[0]->halves) g.halves = reinterpret_cast<const uint16_t*>(g.from);
    g.from_stride = g.channels;
  };
  switch (step.node->op) {
    case Op::param_rows:
      g.kind = CopyArgs::Kind::repeat;
      from_param();
      g.period = step.out_shape.rows_per_item();
      push_copy(g, step);
      break;
    case Op::gather_rows:
      g.kind = CopyArgs::Kind::gather;
      if (step.inputs.size() > 1) {
        from_input(1);
      } else {
        from_param();
        g.from_rows = step.node->params[0]->shape[0];
      }
      g.ids = reinterpret_cast<const int32_t*>(at(step.inputs[0]));
      push_copy(g, step);
      break;
    case Op::concat_channels:
      for (size_t i = 0; i < 2; ++i) {
        from_input(i);
        g.channels = step.input_shapes[i].c;
        push_copy(g, step);
        g.to += g.channels;
      }
      break;
    case Op::concat_tokens:
      g.kind = CopyArgs::Kind::tokens;
      g.out_tokens = step.out_shape.rows_per_item();
      for (size_t i = 0; i < 2; ++i) {
        from_input(i);
        g.in_tokens = step.input_shapes[i].rows_per_item();
        g.rows = step.input_shapes[i].rows();
        push_copy(g, step);
        g.offset += g.in_tokens;
      }
      break;
    case Op::upsample:
      g.kind = CopyArgs::Kind::enlarge;
      from_input(0);
      g.in_h = step.input_shapes[0].h;
      g.in_w = step.input_shapes[0].w;
      g.out_h = step.out_shape.h;
      g.out_w = step.out_shape.w;
      g.map_h = nearest_map(g.in_h, g.out_h);
      g.map_w = nearest_map(g.in_w, g.out_w);
      push_copy(g, step);
      break;
    default: break;
  }
}

void LaunchBuilder::pack_kv(const Step& step) {
  const KeyValueShape& kv = step.node->kv;
  PackKvArgs g;
  g.k = at(step.inputs[0]);
  g.k_stride = step.inputs[0].row_stride;
  g.v = at(step.inputs[1]);
  g.v_stride = step.inputs[1].row_stride;
  g.bf16 = step.input_storages[0] == Storage::bf16;
  g.layout = kernels_.kv_layout(kv.tokens, kv.head_size);
  g.batch = kv.batch;
  g.heads = kv.heads;
  g.out = at(step.out);
  Task task = [](const Kernels& k, const Launch::Arguments& a, int64_t t, float*) {
    k.pack_kv(get<PackKvArgs>(a), t);
  };
  if (kv.compute == Compute::int16)
    task = [](const Kernels& k, const Launch::Arguments& a, int64_t t, float*) {
      k.pack_kv_int16(get<PackKvArgs>(a), t);
    };
  if (kv.compute == Compute::bf16)
    task = [](const Kernels& k, const Launch::Arguments& a, int64_t t, float*) {
      k.pack_kv_bf16(get<PackKvArgs>(a), t);
    };
  push(g, task, kv.batch * kv.heads, static_cast<double>(2 * step.out_shape.elements()), step, 0);
}

void LaunchBuilder::attention(const Step& step) {
  const KeyValueShape& kv = step.node->kv;
  std::vector<AttentionBranch> branches;
  auto add_branch = [&](size_t input, const float* scale) {
    AttentionBranch branch;
    branch.kv = at(step.inputs[input]);
    branch.scale = scale;
    branch.layout = kernels_.kv_layout(step.input_shapes[input].rows_per_item(), kv.head_size);
    branches.push_back(branch);
  };
  add_branch(1, nullptr);
  for (size_t i = 2; i + 1 < step.inputs.size(); i += 2) add_branch(i, at(step.inputs[i + 1]));
  memory_.branches.push_back(std::move(branches));
  AttentionArgs g;
  g.q = at(step.inputs[0]);
  g.q_stride = step.inputs[0].row_stride;
  g.out = at(step.out);
  g.out_stride = step.out.row_stride;
  g.q_bf16 = step.input_storages[0] == Storage::bf16;
  g.out_bf16 = step.out_storage == Storage::bf16;
  g.batch = step.out_shape.n;
  g.queries = step.out_shape.rows_per_item();
  g.heads = kv.heads;
  g.head_size = kv.head_size;
  g.causal = step.node->causal;
  g.scale = 1.0f / std::sqrt(static_cast<float>(kv.head_size));
  g.branches = memory_.branches.back().data();
  g.branch_count = static_cast<int>(memory_.branches.back().size());
  g.query_block = attention_query_block;
  g.query_blocks = ceil_div(g.queries, g.query_block);
  g.key_block = attention_key_block;
  const double work =
      static_cast<double>(g.batch * g.heads * g.queries) * static_cast<double>(kv.tokens * kv.head_size) / 2;
  Task task = [](const Kernels& k, const Launch::Arguments& a, int64_t t, float* s) {
    k.attention(get<AttentionArgs>(a), t, s);
  };
  if (kv.compute == Compute::int16)
    task = [](const Kernels& k, const Launch::Arguments& a, int64_t t, float* s) {
      k.attention_int16(get<AttentionArgs>(a), t, s);
    };
  if (kv.compute == Compute::bf16)
    task = [](const Kernels& k, const Launch::Arguments& a, int64_t t, float* s) {
      k.attention_bf16(get<AttentionArgs>(a), t, s);
    };
  push(g, task, g.batch * g.heads * g.query_blocks, work, step, thread_scratch_floats(step));
}

}  // namespace ipa
