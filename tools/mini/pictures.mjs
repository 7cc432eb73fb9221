// `npm run mini:pictures`: paints the README's pictures with the shipped model into docs/images/. Fixed seeds, same bits every time
// on one instruction set. Needs `npm run build` and the development packages.
import fs from "node:fs";
import path from "node:path";
import { Pipeline } from "node-ip-adapter";
import sharp from "sharp";

import { ROOT, picture, sheet } from "./sheets.mjs";

const common = { steps: 30, guidance: 4 };

const paint = async (pipeline, prompt, image, seed, scale = 1) =>
  (await pipeline.generate({ ...common, prompt, seed, imagePrompts: image === undefined ? [] : [{ image, scale }] }))
    .images[0];

const apple = await picture("classic", "red-apple", "#fafafa", 200, 256);
await sharp(apple.data, { raw: apple })
  .png({ compressionLevel: 9 })
  .toFile(path.join(ROOT, "examples/images/red-apple.png"));
const prompts = [
  await picture("classic", "red-apple"),
  await picture("flat", "cat-face"),
  await picture("classic", "rocket"),
  await picture("glossy", "sunflower"),
  await picture("flat", "penguin"),
];

const pipeline = await Pipeline.load();

const { core } = JSON.parse(fs.readFileSync(new URL("subjects.json", import.meta.url), "utf8"));
const colours = ["red", "yellow", "green", "blue", "purple", "black", "white", "grey"];
const all = [];
for (const [i, word] of Object.values(core).entries())
  all.push(await paint(pipeline, `a ${word} on a ${colours[(i * 3) % 8]} background`, undefined, 100 + i));
await sheet(
  "subjects.png",
  Array(8).fill(""),
  Array.from({ length: all.length / 8 }, (_, y) => all.slice(y * 8, y * 8 + 8)),
);

const texts = ["", "on a red background", "on a yellow background", "on a blue background", "on a black background"];
const grid = [];
for (const [i, p] of prompts.entries()) {
  const row = [p];
  for (const text of texts) row.push(await paint(pipeline, text, p, 20 + i));
  grid.push(row);
}
await sheet("grid.png", ["image prompt", "no text", ...texts.slice(1)], grid);

const scales = [0, 0.2, 0.4, 0.6, 0.8, 1];
const sweep = [];
for (const [p, text, seed] of [
  [prompts[0], "a robot on a green background", 5],
  [await picture("flat", "tropical-fish"), "a house on a purple background", 6],
]) {
  const row = [p];
  for (const scale of scales) row.push(await paint(pipeline, text, p, seed, scale));
  sweep.push(row);
}
await sheet("scale.png", ["image prompt", ...scales.map((s) => `scale ${s}`)], sweep);

const bear = await picture("flat", "teddy-bear");
const said = ["no text", "small, on the left", "large", "classic style", "blue background"];
const words = [
  "",
  "a small picture on the left on a yellow background",
  "a large picture on a purple background",
  "a classic picture on a green background",
  "on a blue background",
];
const row = [bear];
for (const text of words) row.push(await paint(pipeline, text, bear, 31));
await sheet("multimodal.png", ["image prompt", ...said], [row]);

// The same calls on the base model and with the LoRA of the custom look; the adapter was trained on the base only.
const custom = await Pipeline.load({
  loras: [{ file: path.join(ROOT, "models/mini-custom/pytorch_lora_weights.safetensors") }],
});
const painted = [];
for (const model of [pipeline, custom])
  painted.push(await Promise.all(prompts.map((p, i) => paint(model, texts[1 + (i % 4)], p, 20 + i))));
await sheet("custom.png", Array(5).fill(""), [prompts, ...painted]);
await custom.dispose();
await pipeline.dispose();
