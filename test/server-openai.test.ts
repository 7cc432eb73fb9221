/** OpenAI's own client against the server, with the shipped model. openai@7 needs Node 22, so that it is not tried here. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import OpenAI, { BadRequestError, NotFoundError, RateLimitError, toFile } from "openai";
import sharp from "sharp";

import { Pipeline } from "../lib/index";
import { ROOT } from "./support/load";
import { type TestServer, start } from "./support/server";

const apple = readFileSync(join(ROOT, "examples/images/red-apple.png"));

let server: TestServer, client: OpenAI, pipeline: Pipeline;
beforeAll(async () => {
  server = await start({ queue: { running: 2, waiting: 1 } });
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
  pipeline = await Pipeline.load();
});
afterAll(async () => {
  await pipeline.dispose();
  await server.close();
});

const pixels = async (b64: string | undefined): Promise<Buffer> =>
  sharp(Buffer.from(b64 ?? "", "base64"))
    .raw()
    .toBuffer();

/** What the client's types do not know. */
const extended = (options: object): object => options;

test("generations: the API's pictures, under any model's name, with fields that mean nothing here", async () => {
  const answer = await client.images.generate({
    prompt: "a cat",
    model: "gpt-image-1",
    n: 2,
    size: "64x64",
    response_format: "b64_json",
    moderation: "low",
    style: null,
    ...extended({ seed: 5, num_inference_steps: 3, guidance_scale: 4, negative_prompt: "a dog", frobnicate: 1 }),
  });
  const { images } = await pipeline.generate({
    prompt: "a cat",
    negativePrompt: "a dog",
    count: 2,
    width: 64,
    height: 64,
    seed: 5,
    steps: 3,
    guidance: 4,
  });
  expect(answer).toMatchObject({ size: "64x64", output_format: "png", data: [{ seed: 5 }, { seed: 6 }] });
  for (const [i, image] of images.entries())
    expect((await pixels(answer.data?.[i]?.b64_json)).equals(image.data)).toBe(true);
});

test("formats and quality", async () => {
  const of = async (output_format: "jpeg" | "webp", output_compression: number): Promise<Buffer> => {
    const { data } = await client.images.generate({
      prompt: "a cat",
      output_format,
      output_compression,
      ...extended({ seed: 5, num_inference_steps: 2 }),
    });
    return Buffer.from(data?.[0]?.b64_json ?? "", "base64");
  };
  const [fine, coarse, webp] = [await of("jpeg", 95), await of("jpeg", 10), await of("webp", 90)];
  expect((await sharp(fine).metadata()).format).toBe("jpeg");
  expect((await sharp(webp).metadata()).format).toBe("webp");
  expect(coarse.length).toBeLessThan(fine.length);
});

test("edits: pictures are image prompts", async () => {
  const image = await toFile(apple, "apple.png", { type: "image/png" });
  const seeded = { seed: 3, num_inference_steps: 2 };
  const { images } = await pipeline.generate({ prompt: "on snow", imagePrompts: [apple, apple], seed: 3, steps: 2 });
  const form = await client.images.edit({ prompt: "on snow", image: [image, image], ...extended(seeded) });
  expect((await pixels(form.data?.[0]?.b64_json)).equals(images[0]!.data)).toBe(true);
  const image_url = `data:image/png;base64,${apple.toString("base64")}`;
  const { json } = await server.call("/v1/images/edits", {
    prompt: "on snow",
    images: [{ image_url }, { image_url }],
    ...seeded,
  });
  expect((await pixels(json.data[0].b64_json)).equals(images[0]!.data)).toBe(true);
});

test("a mask without a transparent part, and a picture that is none, are named as the request has them", async () => {
  const opaque = await sharp({ create: { width: 64, height: 64, channels: 4, background: "#ffff" } })
    .png()
    .toBuffer();
  const edit = (fields: object): Promise<{ json: { error: { param: string; message: string } } }> =>
    server.call("/v1/images/edits", { prompt: "a dog", num_inference_steps: 1, size: "64x64", ...fields });
  const url = (bytes: Buffer): string => `data:image/png;base64,${bytes.toString("base64")}`;
  const masked = await edit({ images: [{ image_url: url(opaque) }], mask: { image_url: url(opaque) } });
  expect(masked.json.error).toMatchObject({
    param: "mask",
    message: expect.stringMatching(/make that part transparent/),
  });
  const broken = await edit({ images: [{ image_url: url(opaque.subarray(0, 90)) }] });
  expect(broken.json.error).toMatchObject({ param: "image", message: expect.stringMatching(/^image: /) });
});

test("edits with a mask: what is opaque in it stays", async () => {
  const image = await sharp(apple).resize(64, 64).removeAlpha().png().toBuffer();
  // Transparent on the right.
  const half = await sharp({ create: { width: 32, height: 64, channels: 4, background: "#000" } })
    .png()
    .toBuffer();
  const mask = await sharp({ create: { width: 64, height: 64, channels: 4, background: "#0000" } })
    .composite([{ input: half, left: 0, top: 0 }])
    .png()
    .toBuffer();
  const { data } = await client.images.edit({
    prompt: "a cat",
    image: await toFile(image, "a.png", { type: "image/png" }),
    mask: await toFile(mask, "m.png", { type: "image/png" }),
    ...extended({ seed: 3, num_inference_steps: 3 }),
  });
  const cut = async (file: Buffer, left: number): Promise<Buffer> =>
    sharp(file).extract({ left, top: 0, width: 24, height: 64 }).raw().toBuffer();
  const made = Buffer.from(data?.[0]?.b64_json ?? "", "base64");
  expect((await cut(made, 0)).equals(await cut(image, 0))).toBe(true);
  expect((await cut(made, 40)).equals(await cut(image, 40))).toBe(false);
});

test("variations: the picture alone", async () => {
  const image = await toFile(apple, "apple.png", { type: "image/png" });
  const { data } = await client.images.createVariation({ image, ...extended({ seed: 3, num_inference_steps: 2 }) });
  const { images } = await pipeline.generate({ imagePrompts: [apple], seed: 3, steps: 2 });
  expect((await pixels(data?.[0]?.b64_json)).equals(images[0]!.data)).toBe(true);
});

test("streams: partial images, then the picture", async () => {
  const stream = await client.images.generate({
    prompt: "a cat",
    stream: true,
    partial_images: 2,
    ...extended({ seed: 5, num_inference_steps: 6 }),
  });
  const seen: [string, number | undefined][] = [];
  let last: string | undefined;
  for await (const event of stream) {
    seen.push([event.type, "partial_image_index" in event ? event.partial_image_index : undefined]);
    last = event.b64_json;
  }
  expect(seen).toEqual([
    ["image_generation.partial_image", 0],
    ["image_generation.partial_image", 1],
    ["image_generation.completed", undefined],
  ]);
  const { images } = await pipeline.generate({ prompt: "a cat", seed: 5, steps: 6 });
  expect((await pixels(last)).equals(images[0]!.data)).toBe(true);
});

test("what is not known or means nothing here is ignored, whatever it is; null is what is left out", async () => {
  const { status } = await server.call("/v1/images/generations", {
    prompt: "a cat",
    response_format: 5,
    user: "x".repeat(1000),
    n: null,
    size: null,
    stream: null,
    frame_count: {},
    ["__proto__"]: { n: 65 },
    num_inference_steps: 1,
  });
  expect(status).toBe(200);
});

test("models", async () => {
  const { data } = await client.models.list();
  expect(data.map(({ id }) => id)).toEqual(["mini"]);
  expect((await client.models.retrieve("mini")).object).toBe("model");
});

test("the client knows our errors", async () => {
  await expect(client.images.generate({ prompt: "a cat", size: "63x64" })).rejects.toBeInstanceOf(BadRequestError);
  const bad = client.images.generate({ prompt: "a cat", size: "big" });
  await expect(bad).rejects.toMatchObject({
    status: 400,
    param: "size",
    code: "ERR_IPA_INVALID_OPTION",
    type: "invalid_request_error",
  });
  await expect(client.images.generate({ prompt: "a cat", n: 17 })).rejects.toMatchObject({
    status: 400,
    param: "n",
    message: expect.stringContaining("n: this server allows pictures up to 16") as string,
  });
  const other = await start({ models: [{ name: "sd", aliases: ["gpt-image-1"] }] });
  const strict = new OpenAI({ baseURL: `${other.url}/v1`, apiKey: "none", maxRetries: 0 });
  await expect(strict.images.generate({ prompt: "a cat", model: "dall-e-3" })).rejects.toBeInstanceOf(NotFoundError);
  const known = await strict.images.generate({
    prompt: "a cat",
    model: "gpt-image-1",
    ...extended({ num_inference_steps: 1 }),
  });
  expect(known.data).toHaveLength(1);
  await other.close();
});

test("a client that goes away frees its place; those who are refused are told so", async () => {
  const gone = new AbortController();
  const long = (signal?: AbortSignal): Promise<unknown> =>
    client.images.generate(
      { prompt: "a cat", ...extended({ num_inference_steps: 150 }) },
      signal === undefined ? {} : { signal },
    );
  const calls = Array.from({ length: 4 }, () => long(gone.signal).catch((error: unknown) => error));
  expect(await Promise.race(calls)).toBeInstanceOf(RateLimitError);
  gone.abort();
  await Promise.all(calls);
  const { data } = await client.images.generate({ prompt: "a cat", ...extended({ num_inference_steps: 1 }) });
  expect(data).toHaveLength(1);
  expect((await server.call("/metrics")).bytes.toString()).toMatch(
    /node_ip_adapter_jobs_ended_total\{state="cancelled"\} 3\n/,
  );
});
