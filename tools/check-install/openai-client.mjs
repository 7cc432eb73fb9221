// A program of strangers: OpenAI's client asks the server at the address in its first argument. It prints what it has seen.
import { readFileSync } from "node:fs";
import OpenAI, { BadRequestError, toFile } from "openai";

const [, , baseURL, picture, mask] = process.argv;
const client = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0 });
const file = (path) => toFile(readFileSync(path), "picture.png", { type: "image/png" });
const seeded = { seed: 7, num_inference_steps: 3 };

const isPng = (text) => Buffer.from(text, "base64").subarray(1, 4).toString() === "PNG";
const told = ({ size, data }) => [size, data.map(({ b64_json, seed }) => (isPng(b64_json) ? seed : "no PNG"))];

/** The names of the events, and whether each has a picture. */
async function events(stream) {
  const seen = [];
  for await (const { type, b64_json } of await stream) seen.push(isPng(b64_json) ? type : `${type} without a picture`);
  return seen;
}

const { images } = client;
const one = await file(picture);
const edited = { prompt: "a cat", image: [one, one], ...seeded };
console.log(
  `RESULT ${JSON.stringify({
    models: (await client.models.list()).data.map(({ id }) => id),
    generate: told(await images.generate({ prompt: "a cat", n: 2, size: "64x64", ...seeded })),
    edit: told(await images.edit(edited)),
    mask: told(await images.edit({ ...edited, image: one, mask: await file(mask) })),
    variation: told(await images.createVariation({ image: one, ...seeded })),
    generateStream: await events(images.generate({ prompt: "a cat", stream: true, partial_images: 2, ...seeded })),
    editStream: await events(images.edit({ ...edited, stream: true, partial_images: 1 })),
    refused: await images.generate({ prompt: "a cat", size: "big" }).then(
      () => "nothing",
      (error) => [error instanceof BadRequestError, error.param, error.code],
    ),
  })}`,
);
