// Bugs of norms, of what is done row by row, and of the merging of tokens.
const norms = "native/cuda/kernels/norms.cu";
const rows = "native/cuda/kernels/rows.cu";
const merge = "native/cuda/kernels/token_merge.cu";
const groupNorms = ["cuda_group_norm_of_any_rows", "cuda_group_norm_keeps_small_variance_beside_large_numbers"];
const layerNorms = ["cuda_layer_norm_of_any_rows", "cuda_layer_norm_keeps_small_variance_beside_large_numbers"];
const maps = ["cuda_token_map_of_any_rows", "cuda_token_map_of_equal_tokens", "cuda_token_map_of_many_tokens"];

const ofNorms = [
  {
    name: "norm-blocks-apart",
    file: norms,
    from: "squares += fmaf(rows * d, d, about);",
    to: "squares += about;",
    bug: "What blocks of rows differ by is missing in the variance",
    tests: groupNorms,
  },
  {
    name: "norm-rows-about-their-own-first",
    file: norms,
    from: "mean[i] = (origin[i] - first[i]) + own;",
    to: "mean[i] = own;",
    bug: "Sums of threads that begin at different rows are added as if they began at one",
    tests: groupNorms,
  },
  {
    name: "norm-no-barrier-of-sums",
    file: norms,
    from: "  __syncthreads();\n  meet_deviations",
    to: "  meet_deviations",
    bug: "Sums of a block are added before all threads have theirs",
    tests: groupNorms,
  },
  {
    name: "norm-no-barrier-of-second-sums",
    file: norms,
    from: "const int warp = threadIdx.x / 32;\n  __syncthreads();",
    to: "const int warp = threadIdx.x / 32;",
    bug: "The second sums of a block are written over the first, which others still read",
    tests: groupNorms,
  },
  {
    name: "norm-rows-of-the-next-block",
    file: norms,
    from: "left < g.block_rows ? left : g.block_rows",
    to: "g.block_rows",
    bug: "The last block of an item goes on into the next item",
    tests: groupNorms,
  },
  {
    name: "norm-of-the-first-item",
    file: norms,
    from: "g.affine + int64_t{blockIdx.z} * 3 * g.channels + c",
    to: "g.affine + c",
    bug: "All items are normalised by the first item's statistics",
    tests: groupNorms,
  },
  {
    name: "norm-group-without-epsilon",
    file: norms,
    from: "const float scale = 1.0f / sqrtf(variance + g.epsilon);",
    to: "const float scale = 1.0f / sqrtf(variance);",
    bug: "A group of equal numbers is divided by zero",
    device: "cuda-f16",
    tests: ["ops_group_norm_of_a_constant"],
  },
  {
    name: "norm-layer-without-epsilon",
    file: norms,
    from: "const float factor = 1.0f / sqrtf(variance + g.epsilon);",
    to: "const float factor = 1.0f / sqrtf(variance);",
    bug: "A row of equal numbers is divided by zero",
    tests: layerNorms,
  },
  {
    name: "norm-layer-row-behind-the-last",
    file: norms,
    from: "if (row >= g.rows) return;",
    to: "if (row > g.rows) return;",
    bug: "A row behind the last is normalised",
    tests: layerNorms,
  },
  {
    name: "norm-layer-rest-of-the-mean",
    file: norms,
    from: "((v[i] - mean) - rest) * factor",
    to: "(v[i] - mean) * factor",
    bug: "What rounding left of the mean is not taken off",
    tests: layerNorms,
  },
];

const ofRows = [
  {
    name: "rows-offset-of-tokens",
    file: rows,
    from: "item * g.out_tokens + g.offset +",
    to: "item * g.out_tokens +",
    bug: "Tokens that come behind others are written over them",
    tests: ["cuda_tokens_beside_others"],
  },
  {
    name: "rows-packs-anywhere",
    file: rows,
    from: "g.from.stride * size % unit == 0 &&",
    to: "",
    bug: "Rows that lie an odd number of bytes apart are read in whole vectors",
    tests: ["cuda_copies_of_rows"],
  },
  {
    name: "rows-nearest-of-the-other-axis",
    file: rows,
    from: "nearest(x, g.in_w, g.out_w)",
    to: "nearest(x, g.in_w, g.out_h)",
    bug: "The columns of an enlarged picture are found by its height",
    tests: ["cuda_copies_of_rows"],
  },
  {
    name: "rows-id-behind-the-last",
    file: rows,
    from: "id < g.from_rows ? id : g.from_rows - 1",
    to: "id <= g.from_rows ? id : g.from_rows - 1",
    bug: "An id behind the last row of a table is taken",
    tests: ["cuda_gathered_rows"],
  },
  {
    name: "rows-offset-in-32-bits",
    file: rows,
    from: "source_row(g, row) * g.from.stride * size;",
    to: "static_cast<int32_t>(source_row(g, row) * g.from.stride * size);",
    bug: "The place of a row is computed in 32 bits",
    tests: ["cuda_gathered_rows_far_away"],
  },
  {
    name: "rows-one-row-too-many",
    file: rows,
    from: "i < turns && row < rows; ++i",
    to: "i <= turns && row < rows; ++i",
    bug: "Two blocks work on one row",
    tests: ["cuda_activations_of_all_elements", "cuda_sums_of_any_rows"],
  },
  {
    name: "rows-row-behind-the-last",
    file: rows,
    from: "i < turns && row < rows; ++i",
    to: "i < turns && row <= rows; ++i",
    bug: "A row behind the last is read and written",
    tests: ["cuda_activations_of_all_elements", "cuda_sums_of_any_rows"],
  },
  {
    name: "rows-row-of-another-item",
    file: rows,
    from: "other = quotient(row, g.b_divide);",
    to: "other = quotient(row + 1, g.b_divide);",
    bug: "The last row of an item is added to the next item's row",
    tests: ["cuda_sums_of_any_rows"],
  },
];

const ofMerging = [
  {
    name: "merge-no-barrier-of-tiles",
    file: merge,
    from: "channel += depth) {\n    __syncthreads();",
    to: "channel += depth) {",
    bug: "The next channels are written over those that others still compare",
    tests: maps,
  },
  {
    name: "merge-sources-behind-the-last",
    file: merge,
    from: "if (threadIdx.x % 16 || first + local >= sources) continue;",
    to: "if (threadIdx.x % 16) continue;",
    bug: "The last block of an item writes over the next item's first tokens",
    tests: maps,
  },
  {
    name: "merge-later-of-equals",
    file: merge,
    from: "(other == score && place < at)",
    to: "(other == score && place > at)",
    bug: "Of equal tokens the last one is taken",
    tests: maps,
  },
  {
    name: "merge-order-of-equals",
    file: merge,
    from: "keys[i] == mine && i < before",
    to: "keys[i] == mine && i <= before",
    bug: "A token comes before itself",
    tests: maps,
  },
  {
    name: "merge-length-of-tokens",
    file: merge,
    from: "sums[i][j] * b.inverses[column + j]",
    to: "sums[i][j]",
    bug: "Long tokens count as more alike",
    tests: maps,
  },
  {
    name: "merge-grid-too-small",
    file: merge,
    from: "dim3((tokens + merge_threads - 1) / merge_threads, g.items)",
    to: "dim3((sources_of(g) + merge_threads - 1) / merge_threads, g.items)",
    bug: "No thread for the last tokens",
    tests: maps,
  },
  {
    name: "merge-means-of-another-item",
    file: merge,
    from: "int64_t{item} * g.tokens + t + __ffs",
    to: "t + __ffs",
    bug: "Means are made of the first item's tokens",
    tests: ["cuda_means_of_merged_rows"],
  },
];

/** @type {import("../test/planted.mjs").Mutant[]} */
export const rowMutants = [...ofNorms, ...ofRows, ...ofMerging];
