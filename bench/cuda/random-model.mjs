// Writes a model of true shape with random weights in f16, in the layout of diffusers, with a base adapter: without Python.
// Names and shapes are those that the engine itself asks for (bench/native/tensors.cc).
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import zlib from "node:zlib";

import { MODELS } from "./shapes.mjs";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
/** Values that repeat through a tensor; no layer's rows are as long. */
const BLOCK = (1 << 20) - 3;

/** Uniform in [-1, 1), without what would be a denormal later. */
const uniform = (() => {
  let state = 1;
  return Float64Array.from({ length: BLOCK }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const value = (state >>> 8) / 2 ** 23 - 1;
    return Math.abs(value) < 1 / 64 ? 1 / 64 : value;
  });
})();

/** The bits of a number in f16 that is normal there. */
function toHalf(value) {
  const size = Math.abs(value);
  const exponent = Math.floor(Math.log2(size));
  const fraction = Math.min(1023, Math.round((size / 2 ** exponent - 1) * 1024));
  return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | fraction;
}

const blocks = new Map();
function blockOf(reach) {
  if (!blocks.has(reach)) blocks.set(reach, Buffer.from(Uint16Array.from(uniform, (x) => toHalf(x * reach)).buffer));
  return blocks.get(reach);
}

const ones = Buffer.from(new Uint16Array(4096).fill(0x3c00).buffer);
const zeros = Buffer.alloc(8192);

/** What a tensor holds: weights that keep the size of what they multiply; norms that change nothing; no biases. */
function contentOf({ name, shape }) {
  if (shape.length === 1) return name.endsWith(".weight") ? ones : zeros;
  const inputs = shape.slice(1).reduce((product, size) => product * size, 1);
  return blockOf(2 ** Math.round(Math.log2(Math.sqrt(3 / inputs))));
}

function writeWeights(file, tensors) {
  const header = {};
  let at = 0;
  for (const { name, shape } of tensors) {
    const bytes = 2 * shape.reduce((product, size) => product * size, 1);
    header[name] = { dtype: "F16", shape, data_offsets: [at, (at += bytes)] };
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, " ")]);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(padded.length));
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const out = fs.openSync(file, "w");
  fs.writeSync(out, size);
  fs.writeSync(out, padded);
  for (const tensor of tensors) {
    const [begin, end] = header[tensor.name].data_offsets;
    const content = contentOf(tensor);
    for (let left = end - begin; left > 0; left -= content.length)
      fs.writeSync(out, content, 0, Math.min(left, content.length));
  }
  fs.closeSync(out);
}

function writeJson(file, value) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
}

function tensorsOf(kind, config) {
  const lister = path.join(root, "build/Release/native_tensors");
  const lines = execFileSync(lister, [kind, config], { encoding: "utf8" }).trim().split("\n");
  return lines.map((line) => {
    const [name, ...shape] = line.split(" ");
    return { name, shape: shape.map(Number) };
  });
}

/** The engine reads keys and values of prompts outside of the UNet's graph. */
const crossOf = (tensors) => tensors.filter(({ name }) => name.endsWith(".attn2.to_q.weight"));
const crossKeys = (tensors, width) =>
  crossOf(tensors).flatMap(({ name, shape }) =>
    ["to_k", "to_v"].map((key) => ({ name: name.replace("to_q", key), shape: [shape[0], width] })),
  );

/** Numbered as published adapters are: by the place among all attentions in the order down, up, mid; self-attention has the even numbers. */
function adapterTensors(tensors, width, embed) {
  const rank = ({ name }) => ["down_blocks", "up_blocks", "mid_block"].indexOf(name.split(".")[0]);
  const numbers = ({ name }) => name.match(/\d+/g).map(Number);
  const byPlace = (a, b) => {
    const [one, other] = [numbers(a), numbers(b)];
    const i = one.findIndex((number, at) => number !== other[at]);
    return rank(a) - rank(b) || (i < 0 ? 0 : one[i] - other[i]);
  };
  const layers = crossOf(tensors).sort(byPlace);
  return [
    { name: "image_proj.proj.weight", shape: [4 * width, embed] },
    { name: "image_proj.proj.bias", shape: [4 * width] },
    { name: "image_proj.norm.weight", shape: [width] },
    { name: "image_proj.norm.bias", shape: [width] },
    ...layers.flatMap(({ shape }, i) =>
      ["to_k_ip", "to_v_ip"].map((key) => ({
        name: `ip_adapter.${2 * i + 1}.${key}.weight`,
        shape: [shape[0], width],
      })),
    ),
  ];
}

function writeTokenizer(folder, pad) {
  const merges = zlib.gunzipSync(fs.readFileSync(path.join(root, "models/clip-vocabulary/merges.txt.gz"))).toString();
  const pairs = merges.trimEnd().split("\n");
  const range = (from, to) => Array.from({ length: to - from }, (_, i) => from + i);
  const printable = [...range(33, 127), ...range(161, 173), ...range(174, 256)];
  const letters = range(0, 256).map((i) =>
    String.fromCodePoint(i < printable.length ? printable[i] : 256 + i - printable.length),
  );
  const tokens = [
    ...letters,
    ...letters.map((letter) => `${letter}</w>`),
    ...pairs.map((pair) => pair.replace(" ", "")),
  ];
  tokens.push("<|startoftext|>", "<|endoftext|>");
  writeJson(path.join(folder, "vocab.json"), Object.fromEntries(tokens.map((token, id) => [token, id])));
  fs.writeFileSync(path.join(folder, "merges.txt"), `#version: 0.2\n${pairs.join("\n")}\n`);
  const special = {
    bos_token: "<|startoftext|>",
    eos_token: "<|endoftext|>",
    unk_token: "<|endoftext|>",
    pad_token: pad,
  };
  writeJson(path.join(folder, "special_tokens_map.json"), special);
  writeJson(path.join(folder, "tokenizer_config.json"), {
    ...{ tokenizer_class: "CLIPTokenizer", model_max_length: 77, do_lower_case: true, add_prefix_space: false },
    ...special,
  });
}

/** Once: what is there stays. @returns {string} its folder */
export function writeRandomModel(name, folder) {
  const done = path.join(folder, "model_index.json");
  if (fs.existsSync(done)) return folder;
  const model = MODELS[name];
  const weights = (part, kind, config, file, more = () => []) => {
    writeJson(path.join(folder, part, "config.json"), config);
    const tensors = tensorsOf(kind, path.join(folder, part, "config.json"));
    writeWeights(path.join(folder, part, file), [...tensors, ...more(tensors)]);
    return tensors;
  };
  const width = model.unet.cross_attention_dim;
  const diffusers = "diffusion_pytorch_model.safetensors";
  const unetConfig = { _class_name: "UNet2DConditionModel", ...model.unet };
  const unet = weights("unet", "unet", unetConfig, diffusers, (tensors) => crossKeys(tensors, width));
  writeWeights(path.join(folder, "ip-adapter.safetensors"), adapterTensors(unet, width, model.embed));
  weights("vae", "vae", { _class_name: "AutoencoderKL", ...model.vae }, diffusers);
  const index = { _class_name: model.pipeline, ...model.index };
  for (const [part, { library, name: type, config }] of Object.entries(model.texts)) {
    weights(part, "text", { ...config, architectures: [type] }, "model.safetensors");
    const tokenizer = part.replace("text_encoder", "tokenizer");
    writeTokenizer(path.join(folder, tokenizer), part === "text_encoder" ? "<|endoftext|>" : "!");
    Object.assign(index, { [part]: [library, type], [tokenizer]: ["transformers", "CLIPTokenizer"] });
  }
  writeJson(path.join(folder, "scheduler/scheduler_config.json"), model.scheduler);
  const parts = { unet: ["diffusers", "UNet2DConditionModel"], vae: ["diffusers", "AutoencoderKL"] };
  writeJson(done, { ...index, ...parts, scheduler: ["diffusers", model.scheduler._class_name] });
  return folder;
}
