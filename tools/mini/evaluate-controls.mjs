// `node tools/mini/evaluate-controls.mjs [--work DIR] [--python PYTHON] [--count N] [--rows a,b]`: how well the shipped model obeys
// masks, scales by block, start pictures and structure controls, in figures. `npm run mini:evaluate` calls it last. Our engine paints
// (fixed seeds, 30 steps); tools/mini/mini/control_score.py judges. Needs what evaluate.mjs needs.
import fs from "node:fs";
import path from "node:path";

import { HERE, loadPair, paint, readFlags } from "./painters.mjs";
import { PICTURE, SIDE, maskOf, pictureOf } from "./raw.mjs";

const { flags, work, wanted, file, python } = readFlags({ count: "200", controls: "models/mini-controls" });
const guidance = Number(flags.guidance);
const STRENGTHS = [0.2, 0.4, 0.6, 0.8, 1];
/** Where the UNet attends to image prompts. */
const PLACES = ["down.block_1", "mid", "up.block_1[0]", "up.block_1[1]"];
/** The search begins where an earlier one ended, near the places that were trained to bring style (mini/style.py), and goes in such steps. */
const FIRST = [0, 0.2, 1.2, 1.2];
const STEP = 0.2;
const LARGEST = 1.6;
/** Of the structure controls. Those of the T2I-Adapter were searched for on other questions. */
const SETTINGS = { controlnet: { scale: 1.4, guidance }, t2i: { scale: 1.1, guidance: 2.5 } };
const JUDGE = path.join(HERE, "judge.safetensors");

python("-m", "mini.control_questions", work, flags.count);
const { rows } = JSON.parse(fs.readFileSync(file("control-questions.json"), "utf8"));
const shown = fs.readFileSync(file("control-pictures.raw"));
const picture = (i) => pictureOf(shown, i);
const told = { rows: [], strengths: STRENGTHS, places: PLACES, scales: [], controls: SETTINGS };

/** A picture of the question's size, white in its half. */
const halfOf = ({ side, width, height }) =>
  maskOf([side === "right" ? SIDE : 0, side === "bottom" ? SIDE : 0, SIDE, SIDE], { width, height });

async function answer(pipelines, name, questions, request) {
  const started = performance.now();
  const requests = questions.map((q) => ({ prompt: q.prompt, seed: q.seed, guidance, ...request(q) }));
  const out = await paint(pipelines, requests, requests[0].width * requests[0].height * 3 || PICTURE);
  fs.writeFileSync(file(`control-answers-${name}.raw`), out);
  console.log(`${name}: ${requests.length} pictures in ${((performance.now() - started) / 1000).toFixed(0)} s`);
}

const shows = (q, more) => ({ imagePrompts: [{ image: picture(q.picture), ...more }] });

/** diffusers' dictionary of a scale for each of PLACES. */
const scaleOf = ([down, mid, ...up]) => ({ down: { block_1: [down] }, mid: [mid], up: { block_1: up } });

/** @returns how often each of some scales takes the style and leaves the subject, in percent; on questions of their own */
async function scoresOf(pipelines, tried) {
  const names = tried.map((_, i) => `search-${i}`);
  for (const [i, scales] of tried.entries())
    await answer(pipelines, names[i], rows["block-search"], (q) => shows(q, { scale: scaleOf(scales) }));
  fs.writeFileSync(file("control-answers.json"), JSON.stringify({ tried: names }));
  python("-m", "mini.control_score", work, JUDGE, "--search");
  return JSON.parse(fs.readFileSync(file("control-search.json"), "utf8")).scores;
}

/** One step up and one down, from 0 to LARGEST. */
const beside = (scale) =>
  [scale - STEP, scale + STEP].map((s) => Number(s.toFixed(1))).filter((s) => s >= 0 && s <= LARGEST);

/** Goes a step at one place after another, as long as that is better. */
async function searchBlocks(pipelines) {
  const known = new Map();
  const score = (scales) => known.get(String(scales));
  let best = FIRST;
  let before;
  do {
    before = best;
    for (let place = PLACES.length - 1; place >= 0; place--) {
      const tried = [best, ...beside(best[place]).map((scale) => best.with(place, scale))];
      const fresh = tried.filter((scales) => score(scales) === undefined);
      for (const [i, got] of (await scoresOf(pipelines, fresh)).entries()) known.set(String(fresh[i]), got);
      best = tried.reduce((a, b) => (score(b) > score(a) ? b : a));
      console.log(`${PLACES[place]}: ${tried.map((scales) => `${scales} ${score(scales).toFixed(1)}`).join("; ")}`);
    }
  } while (before !== best);
  return best;
}

const parts = {
  async masked(pipelines, questions) {
    const size = ({ width, height }) => ({ width, height });
    const half = (q) => ({ ...size(q), ...shows(q, { mask: halfOf(q) }) });
    await answer(pipelines, "masked", questions, half);
    await answer(pipelines, "masked-none", questions, (q) => ({ ...size(q), ...shows(q) }));
  },
  async block(pipelines, questions) {
    told.scales = await searchBlocks(pipelines);
    await answer(pipelines, "block", questions, (q) => shows(q, { scale: scaleOf(told.scales) }));
    await answer(pipelines, "block-none", questions, (q) => shows(q));
  },
  async start(pipelines, questions) {
    for (const strength of STRENGTHS)
      await answer(pipelines, `start-${strength}`, questions, (q) => ({ image: picture(q.start), strength }));
  },
  async inpaint(pipelines, questions) {
    await answer(pipelines, "inpaint", questions, (q) => ({ image: picture(q.start), mask: maskOf(q.rectangle) }));
  },
  async edges(pipelines, questions) {
    for (const [name, folder] of [
      ["controlnet", "controlnet-edges"],
      ["t2i", "t2i-adapter-edges"],
    ]) {
      const { scale, guidance } = SETTINGS[name];
      for (const pipeline of pipelines) await pipeline.setControls([path.join(flags.controls, folder)]);
      const use = (q) => [{ image: picture(q.layout), preprocess: "canny", scale }];
      await answer(pipelines, `edges-${name}`, questions, (q) => ({ ...shows(q), guidance, controls: use(q) }));
    }
    for (const pipeline of pipelines) await pipeline.setControls([]);
    await answer(pipelines, "edges-none", questions, (q) => shows(q));
  },
};

const pipelines = await loadPair({ model: flags.model, adapters: [path.join(flags.model, "ip-adapter.safetensors")] });
for (const [name, part] of Object.entries(parts)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  told.rows.push(name);
  await part(pipelines, rows[name]);
}
await Promise.all(pipelines.map((p) => p.dispose()));
fs.writeFileSync(file("control-answers.json"), JSON.stringify(told));
python("-m", "mini.control_score", work, JUDGE);
