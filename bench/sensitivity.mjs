// What int8 costs, matrix by matrix: `npm run bench:sensitivity [-- --model DIR --adapter FILE --steps 10 --size PIXELS --by kind,block,parameter --top N
// --pictures 2 --threads N --with conv_shortcut=int16,conv_out=f32]`. For groups of the UNet's matrices (a kind of layer, a block, a kind within a block, or each by itself): the relative L2 distance of the
// final latents from those of f32 when they alone are in int8 or int16, and when all are as `dtype: "int8"` has them but these are in another type; the mean of
// some pictures of fixed prompts and seeds, every other with an image prompt. Beside it the time of a guided step's products in each type. --with: what int8
// would cost if it chose so for the matrices of these names; any number of times.
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { Pipeline, systemInfo } from "../dist/index.mjs";
import prompts from "../dist/prompt/encode.js";
import tokenizers from "../dist/tokenizer.js";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const { values: flags } = parseArgs({
  options: {
    model: { type: "string", default: path.join(root, "models/mini") },
    adapter: { type: "string" },
    steps: { type: "string", default: "10" },
    size: { type: "string" },
    by: { type: "string" },
    pictures: { type: "string", default: "2" },
    with: { type: "string", multiple: true, default: [] },
    top: { type: "string", default: "1000" },
    threads: { type: "string", default: "2" },
  },
});
const LARGE = 100e6; // weights; from here on a list by parameter would take hours
const KINDS = [
  "attn1.to_q", "attn1.to_out", "attn2.to_q", "attn2.to_k", "attn2.to_v", "attn2.to_out", "ff.net.0", "ff.net.2", "proj_in", "proj_out", "time_emb_proj",
  "conv_shortcut", "conv1", "conv2", "downsamplers", "upsamplers", "conv_in", "conv_out", "time_embedding", "add_embedding",
]; // prettier-ignore
const kindOf = (name) => KINDS.find((kind) => name.includes(`${kind}.`)) ?? "other";
const blockOf = (name) => /^(down_blocks\.\d+|mid_block|up_blocks\.\d+)/.exec(name)?.[0] ?? "outside";
const LETTERS = { f32: "f", int16: "s", int8: "b" };
const TYPES = Object.fromEntries(Object.entries(LETTERS).map(([type, letter]) => [letter, type]));
const SUBJECTS = [
  "flat cat on a yellow",
  "house on a blue",
  "small dog on a green",
  "glossy car on a purple",
  "tree on a white",
  "fish on a red",
  "frog on a grey",
  "ball on a black",
];
const LABELS = {
  kind: (name) => (kindOf(name) === "attn1.to_q" ? "attn1.to_q/k/v" : kindOf(name)),
  block: blockOf,
  part: (name) => `${blockOf(name)} ${LABELS.kind(name)}`,
  parameter: (name) => name.replace(/\.weight$/, "").replace("transformer_blocks", "blocks"),
};

/** Requests as the C++ program reads them: token ids, seeds, and an image prompt as embeds, of a picture where the model has an encoder. */
async function makeRequests() {
  const adapter = flags.adapter ?? path.join(flags.model, "ip-adapter.safetensors");
  const adapters = fs.existsSync(adapter) ? [{ file: adapter }] : [];
  const pipeline = await Pipeline.load({ model: flags.model, adapters });
  const { info } = pipeline;
  const encoders = await Promise.all(
    info.textEncoders.map(async ({ tokenizer, contextLength }) => ({
      tokenizer: await tokenizers.ClipTokenizer.load(path.join(flags.model, tokenizer)),
      contextLength,
    })),
  );
  let embeds = Array.from({ length: info.adapters[0]?.embedSize ?? 0 }, (_, i) => Math.sin(i));
  if (adapters.length > 0) {
    const picture = path.join(root, "examples/images/red-apple.png");
    embeds = Array.from(await pipeline.encodeImage(picture).catch(() => embeds));
  }
  await pipeline.dispose();
  const side = Number(flags.size ?? info.width);
  const request = (prompt, seed, more) => ({
    ...prompts.encodePrompts(prompt, "", "plain", encoders),
    ...{ steps: Number(flags.steps), guidance: 4, seed, width: side, height: side },
    ...more,
  });
  return {
    adapter: adapters[0]?.file ?? "",
    weights: info.parameters,
    side,
    requests: Array.from({ length: Number(flags.pictures) }, (_, i) =>
      request(
        `a ${SUBJECTS[i % SUBJECTS.length]} background`,
        1 + i,
        i % 2 === 1 && adapters.length > 0 ? { embeds } : {},
      ),
    ),
  };
}

/** The C++ program as a function from a line to the numbers it answers with. */
async function startLaboratory(folder, { adapter, requests }) {
  const file = path.join(folder, "requests.json");
  fs.writeFileSync(
    file,
    JSON.stringify(requests, (_, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value)),
  );
  const child = spawn(
    path.join(root, "build/Release/native_sensitivity"),
    [flags.model, file, adapter, flags.threads],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error("native_sensitivity ended early");
    return value;
  };
  const matrices = [];
  for (let line = await next(); line !== ""; line = await next()) {
    const [name, weights, chosen] = line.split(" ");
    matrices.push({ name, weights: Number(weights), chosen });
  }
  const ask = async (line) => {
    child.stdin.write(`${line}\n`);
    return (await next()).split(" ").map(Number);
  };
  return { matrices, ask, end: () => child.stdin.end() };
}

const build = spawnSync(process.execPath, ["tools/build/native.mjs", "--bench"], {
  cwd: root,
  stdio: ["ignore", "ignore", "inherit"],
});
if (build.status !== 0) process.exit(build.status ?? 1);

const setup = await makeRequests();
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "sensitivity-"));
const { matrices, ask, end } = await startLaboratory(folder, setup).finally(() =>
  fs.rmSync(folder, { recursive: true }),
);
const known = new Map();
const errorOf = async (letters) => {
  if (!known.has(letters)) {
    const errors = await ask(`error ${letters}`);
    known.set(letters, errors.reduce((sum, e) => sum + e, 0) / errors.length);
  }
  return known.get(letters);
};
const all = (letter) => letter.repeat(matrices.length);
const choice = matrices.map(({ chosen }) => chosen).join("");
const change = (letters, members, letter) =>
  [...letters].map((old, i) => (members.includes(i) ? letter : old)).join("");

console.log(
  `${systemInfo().cpu}, ${systemInfo().isa}, ${flags.threads} threads; ${setup.side} x ${setup.side}, ${flags.steps} steps, guidance 4, ${flags.pictures} pictures`,
);
const times = {};
for (const letter of ["f", "s", "b"]) times[letter] = await ask(`time ${all(letter)}`);
const variants = flags.with.map((changes) => {
  const rules = changes.split(",").map((rule) => rule.split("="));
  if (!rules.every(([, type]) => type in LETTERS))
    throw new Error("--with: expected NAME=f32, NAME=int16 or NAME=int8, with commas between");
  const letters = matrices
    .map(({ name, chosen }) => LETTERS[rules.findLast(([part]) => name.includes(part))?.[1]] ?? chosen)
    .join("");
  return { name: `the same with ${changes}`, letters };
});
const table = (rows) => rows.forEach((cells) => console.log(`| ${cells.join(" | ")} |`));
const relative = (error) => error.toExponential(1);
const ms = (seconds) => (1000 * seconds).toFixed(seconds < 0.01 ? 2 : 0);
const total = async (name, letters, seconds) => [name, relative(await errorOf(letters)), ms(seconds[0])];
const tried = [];
for (const { name, letters } of variants) tried.push(await total(name, letters, await ask(`time ${letters}`)));
table([
  ["all matrices in", "error", "ms per guided step"],
  ["---", "---", "---"],
  ["f32", "0", ms(times.f[0])],
  await total("int16", all("s"), times.s),
  await total("int8", all("b"), times.b),
  await total('what `dtype: "int8"` chooses', choice, await ask(`time ${choice}`)),
  ...tried,
]);

const levels = flags.by?.split(",") ?? (setup.weights > LARGE ? ["kind", "block"] : ["kind", "block", "parameter"]);
for (const level of levels) {
  const groups = new Map();
  matrices.forEach(({ name }, i) => {
    const label = LABELS[level](name);
    groups.set(label, [...(groups.get(label) ?? []), i]);
  });
  const rows = [...groups].map(([label, members]) => {
    const sum = (letter) => members.reduce((seconds, i) => seconds + times[letter][i + 1], 0);
    return {
      label: `${label}${members.length > 1 ? ` (${members.length})` : ""}`,
      members,
      chosen: [...new Set(members.map((i) => matrices[i].chosen))].map((letter) => TYPES[letter]).join(", "),
      time: ["f", "s", "b"].map((letter) => ms(sum(letter))).join(" / "),
    };
  });
  // One base after the other: changing most matrices takes longer than a picture of few steps.
  for (const row of rows)
    for (const letter of ["b", "s"]) row[`alone ${letter}`] = await errorOf(change(all("f"), row.members, letter));
  for (const row of rows)
    for (const letter of ["b", "s", "f"]) row[`chosen ${letter}`] = await errorOf(change(choice, row.members, letter));
  rows.sort((a, b) => b["alone b"] - a["alone b"]);
  console.log("");
  table([
    [
      level,
      "chosen",
      "int8 alone",
      "int16 alone",
      "choice, int8 here",
      "int16 here",
      "f32 here",
      "ms f32 / int16 / int8",
    ],
    Array(8).fill("---"),
    ...rows
      .slice(0, Number(flags.top))
      .map((row) => [
        row.label,
        row.chosen,
        ...["alone b", "alone s", "chosen b", "chosen s", "chosen f"].map((column) => relative(row[column])),
        row.time,
      ]),
  ]);
}
end();
