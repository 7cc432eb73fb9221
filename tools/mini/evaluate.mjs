// `npm run mini:evaluate -- [--work DIR] [--python PYTHON] [--count N] [--rows a,b]`: what the shipped model can do, in figures.
// Our engine paints the answers (fixed seeds, 30 steps); classifiers trained on renderings judge them (tools/mini/mini/score.py).
// Needs a Python with tools/mini/requirements.txt, and `npm run build` first.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

import { HERE, STEPS, inTurn, loadPair, readFlags } from "./painters.mjs";
import { PICTURE, SIDE, pictureOf } from "./raw.mjs";

const { flags, work, wanted, file, python } = readFlags({ count: "504", custom: "models/mini-custom" });

fs.mkdirSync(work, { recursive: true });
if (!fs.existsSync(file("data/glyphs.json")))
  execFileSync(process.execPath, [path.join(HERE, "render.mjs"), file("data")], { stdio: "inherit" });
python("-m", "mini.questions", work, flags.count);
const { rows: all, subjects } = JSON.parse(fs.readFileSync(file("questions.json"), "utf8"));
const rows = all.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
const pictures = fs.readFileSync(file("pictures.raw"));
const picture = (i) => pictureOf(pictures, i);

function load(loras) {
  const adapters = ["ip-adapter", "ip-adapter-plus"].map((name) => ({
    file: path.join(flags.model, `${name}.safetensors`),
  }));
  return loadPair({ model: flags.model, adapters, loras });
}

function request(row, question, scale = 1) {
  const adapter = row.name.endsWith("plus") ? 1 : 0;
  const imagePrompts = question.picture === undefined ? [] : [{ image: picture(question.picture), adapter, scale }];
  return { prompt: question.prompt, imagePrompts, steps: STEPS, seed: question.seed, guidance: Number(flags.guidance) };
}

const cosine = (a, b) => {
  let ab = 0,
    aa = 0,
    bb = 0;
  for (let i = 0; i < a.length; i++) {
    ab += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return ab / Math.sqrt(aa * bb);
};

async function answer(pipelines, row) {
  const started = performance.now();
  const out = Buffer.alloc(row.questions.length * PICTURE);
  await inTurn(pipelines, [...row.questions.entries()], async (pipeline, [i, question]) => {
    const { images } = await pipeline.generate(request(row, question));
    out.set(images[0].data, i * PICTURE);
    if (question.other === undefined) return;
    const [own, prompt, other] = await Promise.all(
      [images[0], picture(question.picture), picture(question.other)].map((p) =>
        pipeline.encodeImage({ data: p.data, width: SIDE, height: SIDE, channels: 3 }),
      ),
    );
    question.likeness = cosine(own, prompt);
    question.otherLikeness = cosine(own, other);
  });
  fs.writeFileSync(file(`answers-${row.name}.raw`), out);
  console.log(
    `${row.name}: ${row.questions.length} pictures in ${((performance.now() - started) / 1000).toFixed(0)} s`,
  );
}

/** Scale 0 must give the same bits as no image prompt. */
async function scaleZero(pipelines, questions) {
  let equal = 0;
  await inTurn(pipelines, questions, async (pipeline, question) => {
    const both = [
      request({ name: "style" }, question, 0),
      { ...request({ name: "style" }, question), imagePrompts: [] },
    ];
    const [a, b] = await Promise.all(
      both.map(async (r) => (await pipeline.generate({ ...r, output: "latents" })).latents[0]),
    );
    if (Buffer.compare(Buffer.from(a.buffer), Buffer.from(b.buffer)) === 0) equal++;
  });
  return { cases: questions.length, equal };
}

const folderBytes = (folder) =>
  fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile())
    .reduce((sum, e) => sum + fs.statSync(path.join(e.parentPath ?? e.path, e.name)).size, 0);

const megabytes = [flags.model, flags.custom].map((folder) => folderBytes(folder) / 1e6);
const answers = {
  subjects,
  rows,
  megabytes: { model: megabytes[0], all: megabytes[0] + megabytes[1] },
  scaleZero: { cases: 0, equal: 0 },
};
const pipelines = await load([]);
for (const row of rows.filter(({ name }) => name !== "custom")) await answer(pipelines, row);
answers.scaleZero = await scaleZero(pipelines, all.find(({ name }) => name === "style").questions.slice(0, 28));
await Promise.all(pipelines.map((p) => p.dispose()));
const custom = rows.find(({ name }) => name === "custom");
if (custom) {
  const pipelines = await load([{ file: path.join(flags.custom, "pytorch_lora_weights.safetensors") }]);
  await answer(pipelines, custom);
  await Promise.all(pipelines.map((p) => p.dispose()));
}
fs.writeFileSync(file("answers.json"), JSON.stringify(answers));
python("-m", "mini.score", work, path.resolve(flags.model), path.join(HERE, "judge.safetensors"));
if (wanted.length === 0) {
  const args = ["--work", work, "--python", flags.python, "--model", flags.model, "--guidance", flags.guidance];
  execFileSync(process.execPath, [path.join(HERE, "evaluate-controls.mjs"), ...args], { stdio: "inherit" });
}
