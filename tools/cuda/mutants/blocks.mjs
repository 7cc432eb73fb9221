// Bugs of weights that stay as codes and scales (GGUF).
const codes = "native/cuda/kernels/block_codes.cuh";
const unpack = "native/cuda/kernels/unpack.cu";
const device = "cuda-f16";

/** @type {import("../test/planted.mjs").Mutant[]} */
export const blockMutants = [
  {
    name: "blocks-nibble-of-the-neighbour",
    file: codes,
    from: "e.low >> (j * 4) & 15u",
    to: "e.low >> ((j ^ 1) * 4) & 15u",
    bug: "Two codes of 4 bits in a byte are swapped",
    device,
    tests: ["ops_blocks_linear"],
  },
  {
    name: "blocks-upper-bits",
    file: codes,
    from: "e.high >> (j * high_bits)",
    to: "e.high >> j",
    bug: "The upper bits of codes of 6 bits are those of another code",
    device,
    tests: ["ops_blocks_linear"],
  },
  {
    name: "blocks-inner-scale-of-another-group",
    file: codes,
    from: "row * (depth >> b.inner_shift) + (k >> b.inner_shift)",
    to: "row * (depth >> b.inner_shift) + (k >> b.outer_shift)",
    bug: "A group of weights takes another group's scale",
    device,
    tests: ["ops_blocks_linear"],
  },
  {
    name: "blocks-outer-scale-of-the-first-block",
    file: codes,
    from: "row * (depth >> b.outer_shift) + (k >> b.outer_shift)",
    to: "row * (depth >> b.outer_shift)",
    bug: "All blocks of a row take its first block's scale",
    device,
    tests: ["ops_blocks_linear"],
  },
  {
    name: "blocks-sign-of-a-scale",
    file: codes,
    from: "static_cast<int8_t>(e.inner))",
    to: "e.inner & 255u)",
    bug: "A negative scale of a group is taken for a large one",
    device,
    tests: ["ops_blocks_linear"],
  },
  {
    name: "blocks-no-barrier",
    file: unpack,
    from: "  __syncthreads();\n  T* out",
    to: "  T* out",
    bug: "Weights are stored before all threads have unpacked theirs",
    device,
    tests: ["ops_blocks_conv2d"],
  },
  {
    name: "blocks-second-chunk",
    file: unpack,
    from: "first * g.taps + k",
    to: "first + k",
    bug: "Channels behind the first 256 of a convolution take other channels' weights",
    device,
    tests: ["ops_blocks_conv2d"],
  },
  {
    name: "blocks-grid-too-small",
    file: unpack,
    from: "(g.channels + chunk - 1) / chunk",
    to: "(g.channels < chunk ? 1 : g.channels / chunk)",
    bug: "Channels behind the last whole chunk are not unpacked",
    device,
    tests: ["ops_blocks_conv2d"],
  },
];
