// `npm run demo`: the shipped model paints after a picture and a sentence, and writes demo.png.
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Pipeline } from "node-ip-adapter";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const imagePrompt = path.join(root, "examples/images/red-apple.png");
const prompt = "a picture on a blue background";
const output = path.join(root, "demo.png");

const started = performance.now();
const pipeline = await Pipeline.load();
const loaded = performance.now();
const { images } = await pipeline.generate({ prompt, imagePrompts: [{ image: imagePrompt }], guidance: 4, seed: 1 });
await images[0].toFile(output);
const finished = performance.now();
await pipeline.dispose();

const seconds = (from, to) => `${((to - from) / 1000).toFixed(2)} s`;
console.log(`image prompt  ${path.relative(root, imagePrompt)}`);
console.log(`text prompt   ${prompt}`);
console.log(`wrote         ${path.relative(root, output)}, ${images[0].width} x ${images[0].height} pixels`);
console.log(`time          load ${seconds(started, loaded)}, generate ${seconds(loaded, finished)}`);
