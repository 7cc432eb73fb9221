/** The forms a picture may be passed in: each gives the pixels of the file, in bounds, and can be cancelled. */
import { createReadStream, openAsBlob, readFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";

import sharp from "sharp";

import type { ImageInput } from "../lib/image/input";
import { IMAGE_LIMITS } from "../lib/image/limits";
import { CallSite } from "../lib/native/call";
import { Pipeline } from "../lib/pipeline";
import { FakeAddon } from "./support/fake-addon";
import { decodeOwnSize } from "./support/decode";
import { ROOT, pixels, rejection } from "./support/load";

// tools/goldens/images.py: diffusers' load_image, which is PIL
const file = join(ROOT, "test/golden/images/rgb.png");
const expected = (
  JSON.parse(readFileSync(join(ROOT, "test/golden/images/expected.json"), "utf8")) as Record<string, { rgb: string }>
)["rgb.png"]!.rgb;
const bytes = new Uint8Array(readFileSync(file));
const base64 = Buffer.from(bytes).toString("base64");

const decode = async (input: unknown, signal?: AbortSignal): Promise<string> =>
  Buffer.from((await decodeOwnSize(input, signal)).rgb).toString("base64");
const chunked = (size: number): ReadableStream<Uint8Array> => {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) controller.close();
      else controller.enqueue(bytes.slice(at, (at += size)));
    },
  });
};
const percent = `data:,${Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")}`;

describe("one picture in every form", () => {
  const forms: [string, () => ImageInput | Promise<ImageInput>][] = [
    ["data URL", () => `data:image/png;base64,${base64}`],
    ["data URL without a type, in capitals", () => `DATA:;BASE64,${base64}`],
    [
      "data URL with lines of mail and escapes",
      () =>
        `data:image/png;name="a b";base64,${base64.replace(/.{76}/g, "$&\r\n").replaceAll("=", "%3D").replaceAll("+", "%2B")}`,
    ],
    ["data URL object", () => new URL(`data:image/png;base64,${base64}`)],
    ["data URL in percent escapes", () => percent],
    ["Blob", () => new Blob([bytes.subarray(0, 50), bytes.subarray(50)])],
    ["File", () => new File([bytes], "a.png", { type: "text/plain" })],
    ["File of the file system", () => openAsBlob(file)],
    ["web stream", () => new Blob([bytes]).stream()],
    ["web stream, a byte at a time", () => chunked(1)],
    ["body of a Response", () => new Response(bytes).body!],
    ["Node.js stream of a file", () => createReadStream(file, { highWaterMark: 64 })],
    ["Node.js stream of chunks", () => Readable.from([bytes.slice(0, 9), bytes.slice(9)])],
    ["sharp's raw output", () => sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true })],
    ["sharp's raw output with alpha", () => sharp(file).ensureAlpha().raw().toBuffer({ resolveWithObject: true })],
    ["sharp's encoded output", () => sharp(file).png().toBuffer({ resolveWithObject: true })],
    ["a sharp pipeline", () => sharp(file).png()],
  ];
  test.each(forms)("%s", async (_, make) => expect(await decode(await make())).toBe(expected));

  test("grey with alpha, which sharp makes of grey pictures", async () => {
    const grey = await sharp(file)
      .removeAlpha()
      .greyscale()
      .toColourspace("b-w")
      .raw()
      .toBuffer({ resolveWithObject: true });
    const twice = {
      data: Buffer.from([...grey.data].flatMap((value) => [value, 7])),
      info: { ...grey.info, channels: 2 as const },
    };
    expect(grey.info.channels).toBe(1);
    expect(await decode(twice)).toBe(await decode(grey));
  });
});

describe("bounds and faults", () => {
  const errors: [string, () => unknown, string, string][] = [
    ["data URL without a comma", () => "data:image/png;base64", "ERR_IPA_IMAGE_FORMAT", "comma"],
    ["empty data URL", () => "data:image/png;base64,", "ERR_IPA_IMAGE_FORMAT", "empty"],
    [
      "data URL cut in the middle of a byte",
      () => `data:image/png;base64,${base64.slice(0, 101)}`,
      "ERR_IPA_IMAGE_CORRUPT",
      "base64",
    ],
    [
      "data URL with other characters",
      () => `data:image/png;base64,${base64.slice(0, 100)}$$$$`,
      "ERR_IPA_IMAGE_CORRUPT",
      "base64",
    ],
    [
      "data URL of a cut file",
      () => `data:image/png;base64,${base64.slice(0, 80)}`,
      "ERR_IPA_IMAGE_CORRUPT",
      "damaged",
    ],
    ["data URL with half an escape", () => "data:,abc%2", "ERR_IPA_IMAGE_CORRUPT", "%"],
    ["data URL of text", () => "data:text/plain;base64,aGVsbG8gd29ybGQ=", "ERR_IPA_IMAGE_FORMAT", "image"],
    [
      "data URL beyond the limit",
      () => `data:;base64,${"A".repeat(28_000_000)}`,
      "ERR_IPA_IMAGE_LIMIT",
      `${IMAGE_LIMITS.encodedBytes}`,
    ],
    [
      "base64 without the front of a data URL",
      () => base64,
      "ERR_IPA_IMAGE_FORMAT",
      "write data:image/png;base64, in front",
    ],
    [
      "base64 of a JPEG with lines of mail",
      () => `/9j/4AAQSkZJRgABAQEAYABgAAD/2wBD\r\n${"AAgGBgcGBQgHBwcJ".repeat(9000)}`,
      "ERR_IPA_IMAGE_FORMAT",
      "write data:image/jpeg;base64, in front",
    ],
    ["a path as long as base64", () => `/9j/${"folder/".repeat(20)}a.jpg`, "ERR_IPA_NOT_FOUND", "a.jpg"],
    ["empty Blob", () => new Blob([]), "ERR_IPA_IMAGE_FORMAT", "empty"],
    [
      "Blob beyond the limit",
      () => new Blob([new Uint8Array(IMAGE_LIMITS.encodedBytes + 1)]),
      "ERR_IPA_IMAGE_LIMIT",
      "encoded bytes",
    ],
    [
      "Blob that says too little",
      () => ({ size: 1, arrayBuffer: () => undefined, stream: () => endless().stream }),
      "ERR_IPA_IMAGE_LIMIT",
      "encoded bytes",
    ],
    ["endless web stream", () => endless().stream, "ERR_IPA_IMAGE_LIMIT", "encoded bytes"],
    [
      "endless Node.js stream",
      () =>
        new Readable({
          read() {
            this.push(Buffer.alloc(1 << 16));
          },
        }),
      "ERR_IPA_IMAGE_LIMIT",
      "encoded bytes",
    ],
    ["empty stream", () => new Blob([]).stream(), "ERR_IPA_IMAGE_FORMAT", "no bytes"],
    [
      "locked stream",
      () => {
        const stream = chunked(9);
        stream.getReader();
        return stream;
      },
      "ERR_IPA_INVALID_OPTION",
      "locked",
    ],
    ["destroyed stream", () => new Readable().destroy(), "ERR_IPA_INVALID_OPTION", "ended or was destroyed"],
    ["stream of text", () => Readable.from(["abc"]), "ERR_IPA_INVALID_OPTION", "setEncoding"],
    ["stream of objects", () => Readable.from([{ a: 1 }]), "ERR_IPA_INVALID_OPTION", "stream of bytes"],
    [
      "web stream that fails",
      () =>
        new ReadableStream({
          pull: () => {
            throw new Error("line dropped");
          },
        }),
      "ERR_IPA_IO",
      "line dropped",
    ],
    [
      "Node.js stream that fails",
      () =>
        new Readable({
          read() {
            this.destroy(new Error("line dropped"));
          },
        }),
      "ERR_IPA_IO",
      "line dropped",
    ],
    [
      "Blob whose getters throw",
      () => ({
        arrayBuffer: () => undefined,
        stream: () => undefined,
        get size() {
          throw new Error("no size");
        },
      }),
      "ERR_IPA_INVALID_OPTION",
      "no size",
    ],
    [
      "Blob whose stream() throws",
      () => ({
        arrayBuffer: () => undefined,
        stream: () => {
          throw new Error("no stream");
        },
        size: 5,
      }),
      "ERR_IPA_IO",
      "no stream",
    ],
    ["Response", () => new Response(bytes), "ERR_IPA_INVALID_OPTION", "response.blob()"],
    [
      "sharp's raw output of 16 bits",
      () => sharp(file).raw({ depth: "ushort" }).toBuffer({ resolveWithObject: true }),
      "ERR_IPA_INVALID_OPTION",
      "bytes",
    ],
  ];
  test.each(errors)("%s", async (_, make, code, says) => {
    const input = await make();
    const error = await rejection((async () => decode(input))());
    expect(error).toMatchObject({ code, message: expect.stringMatching(/^image/) });
    expect(error.message).toContain(says);
  });

  test("the producer of a stream that is too long is stopped", async () => {
    const web = endless();
    await rejection(decode(web.stream));
    expect(web.cancelled()).toBe(true);
    const readable = new Readable({
      read() {
        this.push(Buffer.alloc(1 << 16));
      },
    });
    await rejection(decode(readable));
    expect(readable.destroyed).toBe(true);
  });
});

describe("cancelling", () => {
  const stalled = (): { stream: ReadableStream; cancelled: () => boolean } => {
    let cancelled = false;
    return { stream: new ReadableStream({ cancel: () => void (cancelled = true) }), cancelled: () => cancelled };
  };

  test("a stream that gives nothing, of either kind, ends with the signal", async () => {
    const controller = new AbortController();
    const web = stalled();
    const node = new Readable({ read: () => undefined });
    const calls = [decode(web.stream, controller.signal), decode(node, controller.signal)];
    const reason = new Error("enough");
    controller.abort(reason);
    for (const call of calls) expect(await rejection(call)).toBe(reason);
    expect([web.cancelled(), node.destroyed]).toEqual([true, true]);
  });

  test("a stream of empty chunks leaves the event loop its turns", async () => {
    const controller = new AbortController();
    const call = decode(new ReadableStream({ pull: (queue) => queue.enqueue(new Uint8Array(0)) }), controller.signal);
    setTimeout(() => controller.abort(), 1);
    expect((await rejection(call)).name).toBe("AbortError");
  });

  test("the end of the pipeline, and a sibling's failure, end the reading too", async () => {
    const pipeline = await Pipeline.loadWith(() => new FakeAddon(), {}, new CallSite());
    const failing = stalled();
    const sibling = pipeline.generate({
      imagePrompts: [{ image: failing.stream }, { image: Readable.from(["text"]) }],
    });
    expect(await rejection(sibling)).toMatchObject({ code: "ERR_IPA_INVALID_OPTION" });
    expect(failing.cancelled()).toBe(true);
    const waiting = stalled();
    const call = rejection(pipeline.generate({ imagePrompts: [{ image: waiting.stream }] }));
    await pipeline.dispose();
    expect(await call).toMatchObject({ code: "ERR_IPA_DISPOSED" });
    expect(waiting.cancelled()).toBe(true);
  });
});

test("encodeImage() of a Blob, a stream and a data URL gives the bits of the bytes", async () => {
  const pipeline = await Pipeline.load();
  const encode = async (image: ImageInput): Promise<string> =>
    Buffer.from((await pipeline.encodeImage(image)).buffer).toString("base64");
  const wanted = await encode(bytes);
  expect(await encode(new Blob([bytes]))).toBe(wanted);
  expect(await encode(chunked(100))).toBe(wanted);
  expect(await encode(`data:image/png;base64,${base64}`)).toBe(wanted);
  expect(await encode({ data: pixels(8, 8), width: 8, height: 8 })).not.toBe(wanted);
  await pipeline.dispose();
});

function endless(): { stream: ReadableStream; cancelled: () => boolean } {
  let cancelled = false;
  const stream = new ReadableStream({
    pull: (queue) => queue.enqueue(new Uint8Array(1 << 16)),
    cancel: () => void (cancelled = true),
  });
  return { stream, cancelled: () => cancelled };
}
