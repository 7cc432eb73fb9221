// A picture after a picture and a sentence, with the shipped model: node examples/generate.mjs [IMAGE [PROMPT]]
import { Pipeline } from "node-ip-adapter";

const [image = new URL("images/red-apple.png", import.meta.url), prompt = "a picture on a yellow background"] =
  process.argv.slice(2);

// Your own model: { model: "path/to/diffusers-folder", adapters: [{ file: "path/to/ip-adapter.safetensors" }] }
const pipeline = await Pipeline.load();
try {
  const { images } = await pipeline.generate({
    prompt,
    imagePrompts: [{ image, scale: 0.8 }],
    steps: 30,
    guidance: 4,
    seed: 42,
    count: 2,
  });
  for (const [i, result] of images.entries()) {
    await result.toFile(`generated-${i}.png`);
    console.log(`generated-${i}.png: ${result.width} x ${result.height}, seed ${result.seed}`);
  }
} finally {
  await pipeline.dispose();
}
