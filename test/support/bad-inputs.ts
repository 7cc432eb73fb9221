/** Wrong calls, each with the error it must give. The same table runs on the fake addon and on the real one. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync } from "node:zlib";

import type { GenerateOptions, LoadOptions } from "../../lib/types";
import { ROOT, pixels } from "./load";
import { pngOf } from "./png";

export interface BadInput {
  name: string;
  code: string;
  /** part of the message */
  says?: string;
}
export interface BadGenerate extends BadInput {
  options: unknown;
}
export interface BadLoad extends BadInput {
  load: unknown;
}

const INVALID = "ERR_IPA_INVALID_OPTION";
const UNKNOWN = "ERR_IPA_UNKNOWN_OPTION";
const FORMAT = "ERR_IPA_IMAGE_FORMAT";
const CORRUPT = "ERR_IPA_IMAGE_CORRUPT";
const LIMIT = "ERR_IPA_IMAGE_LIMIT";

const throwing = {
  get steps(): number {
    throw new Error("getter");
  },
};
const hostile = new Proxy(
  {},
  {
    ownKeys: () => {
      throw new Error("trap");
    },
  },
);

/** Options of generate() that are wrong by themselves. */
export const BAD_OPTIONS: BadGenerate[] = (
  [
    ["options null", null, INVALID, "expected an object but received null"],
    ["options a number", 7, INVALID, "expected an object but received 7"],
    ["options an array", [], INVALID, "an empty array"],
    ["options a typed array", new Uint8Array(3), INVALID, "Uint8Array"],
    ["options a promise", Promise.resolve({}), INVALID, "await"],
    ["a getter that throws", throwing, INVALID, "steps: reading it threw"],
    ["a proxy that throws", hostile, INVALID, "plain object"],
    ["a misspelt option", { promt: "x" }, UNKNOWN, 'did you mean "prompt"?'],
    ["another style of name", { negative_prompt: "x" }, UNKNOWN, 'did you mean "negativePrompt"?'],
    ["a strange option", { zzzzzz: 1 }, UNKNOWN, "docs/generate.md"],
    ["__proto__ as an own key", JSON.parse('{"__proto__": {"steps": 1}}') as unknown, UNKNOWN, "__proto__"],
    ["constructor as an option", { constructor: 1 }, UNKNOWN, "constructor"],
    ["prompt a number", { prompt: 5 }, INVALID, "prompt: expected a string but received 5"],
    ["prompt null", { prompt: null }, INVALID, "null"],
    ["prompt too long", { prompt: "a".repeat(20000) }, INVALID, "at most 16384 characters"],
    ["prompt a String object", { prompt: Object("x") as unknown }, INVALID, "an object"],
    ["negativePrompt an array", { negativePrompt: ["x"] }, INVALID, "negativePrompt"],
    ["promptSyntax unknown", { promptSyntax: "weigthed" }, INVALID, 'did you mean "weighted"?'],
    [
      "vaeTiling true",
      { vaeTiling: true },
      INVALID,
      'vaeTiling: expected one of "auto", "on", "off" but received true',
    ],
    ["vaeTiling misspelt", { vaeTiling: "atuo" }, INVALID, 'did you mean "auto"?'],
    ["vaeTile too small", { vaeTile: 64 }, INVALID, "use 128 or more"],
    [
      "vaeTile no multiple",
      { vaeTile: 300 },
      INVALID,
      "vaeTile: expected a multiple of 8 for this model but received 300: use 296 or 304",
    ],
    ["memoryBudget zero", { memoryBudget: 0 }, INVALID, "use 1 or more"],
    ["memoryBudget in words", { memoryBudget: "4GB" }, INVALID, "memoryBudget: expected an integer"],
    [
      "steps a fraction",
      { steps: 20.5 },
      INVALID,
      "steps: expected an integer between 1 and 1000 but received 20.5: use 20 or 21",
    ],
    ["steps zero", { steps: 0 }, INVALID, "use 1 or more"],
    ["steps negative zero", { steps: -0 }, INVALID, "-0"],
    ["steps too many", { steps: 1001 }, INVALID, "use 1000 or less"],
    ["steps NaN", { steps: NaN }, INVALID, "NaN"],
    ["steps infinite", { steps: Infinity }, INVALID, "Infinity"],
    ["steps text", { steps: "20" }, INVALID, "use the number 20"],
    ["steps bigint", { steps: 20n }, INVALID, "the bigint 20n"],
    ["steps null", { steps: null }, INVALID, "null"],
    ["steps an array", { steps: [20] }, INVALID, "an array of 1"],
    ["steps a symbol", { steps: Symbol("x") }, INVALID, "a symbol"],
    ["guidance NaN", { guidance: NaN }, INVALID, "guidance"],
    ["guidance negative", { guidance: -1 }, INVALID, "use 0 or more"],
    ["guidance huge", { guidance: 1e300 }, INVALID, "use 100 or less"],
    ["guidanceInterval a number", { guidanceInterval: 0.5 }, INVALID, "guidanceInterval: expected an array"],
    ["guidanceInterval of one number", { guidanceInterval: [0.5] }, INVALID, "at least 2 entries but received 1"],
    ["guidanceInterval of three numbers", { guidanceInterval: [0, 0.5, 1] }, INVALID, "at most 2 entries"],
    [
      "guidanceInterval beyond the end",
      { guidanceInterval: [0, 1.5] },
      INVALID,
      "guidanceInterval[1]: expected a finite number between 0 and 1",
    ],
    ["guidanceInterval of NaN", { guidanceInterval: [NaN, 1] }, INVALID, "guidanceInterval[0]"],
    ["guidanceInterval backwards", { guidanceInterval: [0.8, 0.2] }, INVALID, "use [0.2, 0.8]"],
    ["featureCache a number", { featureCache: 3 }, INVALID, "featureCache: expected an object"],
    ["featureCache without every", { featureCache: { depth: 1 } }, INVALID, "featureCache.every"],
    ["featureCache of every step", { featureCache: { every: 1 } }, INVALID, "use 2 or more"],
    ["featureCache too seldom", { featureCache: { every: 11 } }, INVALID, "use 10 or less"],
    [
      "featureCache without depth of any layer",
      { featureCache: { every: 2, depth: 0 } },
      INVALID,
      "featureCache.depth",
    ],
    ["featureCache misspelt", { featureCache: { every: 2, deph: 1 } }, UNKNOWN, 'did you mean "depth"?'],
    ["tokenMerging of too many", { tokenMerging: 0.8 }, INVALID, "use 0.75 or less"],
    ["tokenMerging negative", { tokenMerging: -0.1 }, INVALID, "use 0 or more"],
    ["eta too large", { eta: 1.5 }, INVALID, "eta"],
    ["eta without ddim", { eta: 0.5, scheduler: "euler" }, INVALID, "only the ddim and tcd schedulers"],
    ["seed negative", { seed: -1 }, INVALID, "seed"],
    ["seed beyond 2^53", { seed: 2 ** 53 }, INVALID, "seed"],
    ["seed a fraction", { seed: 0.5 }, INVALID, "use 0 or 1"],
    ["seed + count beyond 2^53", { seed: 2 ** 53 - 1, count: 2 }, INVALID, "seed + count - 1"],
    ["width not a multiple", { width: 66 }, INVALID, "use 64 or 72"],
    ["height not a multiple", { height: 143 }, INVALID, "use 136 or 144"],
    ["width too small", { width: 8 }, INVALID, "width"],
    ["width too large", { width: 8192 }, INVALID, "use 4096 or less"],
    ["count zero", { count: 0 }, INVALID, "count"],
    ["count too large", { count: 65 }, INVALID, "use 64 or less"],
    ["scheduler unknown", { scheduler: "dpm++3m" }, INVALID, 'did you mean "dpm++2m"?'],
    ["scheduler in capitals", { scheduler: "DDIM" }, INVALID, 'use scheduler: "ddim"'],
    ["scheduler a number", { scheduler: 3 }, INVALID, "scheduler"],
    [
      "sigmas unknown",
      { sigmas: "linear" },
      INVALID,
      '"normal", "karras", "exponential", "beta", "sgm_uniform", "ays", or an array of numbers, but received "linear"',
    ],
    ["sigmas misspelt", { sigmas: "expnential" }, INVALID, 'did you mean "exponential"?'],
    ["sigmas a number", { sigmas: 7 }, INVALID, "sigmas: expected one of"],
    ["sigmas empty", { sigmas: [] }, INVALID, "at least 1 entries"],
    [
      "sigmas with a negative",
      { sigmas: [3, -1] },
      INVALID,
      "sigmas[1]: expected a finite number between 0.000001 and 10000 but received -1",
    ],
    ["sigmas with text", { sigmas: ["3"] }, INVALID, "sigmas[0]: expected a finite number"],
    ["output unknown", { output: "latent" }, INVALID, 'did you mean "latents"?'],
    ["preview a number", { preview: 5 }, INVALID, "preview: expected an object"],
    ["preview without every", { preview: {} }, INVALID, "preview.every"],
    ["preview.every zero", { preview: { every: 0 } }, INVALID, "preview.every"],
    ["preview.decoder unknown", { preview: { every: 1, decoder: "liner" } }, INVALID, 'did you mean "linear"?'],
    ["preview with more", { preview: { every: 1, evry: 2 } }, UNKNOWN, "preview.evry"],
    ["signal a controller", { signal: new AbortController() }, INVALID, "controller.signal"],
    ["signal true", { signal: true }, INVALID, "an AbortSignal"],
    ["onProgress text", { onProgress: "log" }, INVALID, "a function"],
    ["image a number", { image: 5 }, INVALID, "image: expected a path"],
    ["mask true", { mask: true }, INVALID, "mask: expected a path"],
    ["imageGuidance too small", { imageGuidance: 0.5 }, INVALID, "use 1 or more"],
    [
      "imageGuidance with a model that has none",
      { imageGuidance: 1.5 },
      INVALID,
      "only instruct models have it, this is a text-to-image model",
    ],
    ["imagePrompts one object", { imagePrompts: { image: "a.png" } }, INVALID, "put it in [ ]"],
    ["imagePrompts a path", { imagePrompts: "a.png" }, INVALID, "an array"],
    [
      "imagePrompts too many",
      { imagePrompts: Array(65).fill({ embeds: new Float32Array(256) }) },
      INVALID,
      "at most 64",
    ],
    ["imagePrompts with a hole", { imagePrompts: Array(1) }, INVALID, "imagePrompts[0]"],
    ["image prompt a number", { imagePrompts: [7] }, INVALID, "imagePrompts[0]"],
    ["image prompt empty", { imagePrompts: [{}] }, INVALID, "neither"],
    ["image prompt misspelt", { imagePrompts: [{ imgae: "a.png" }] }, UNKNOWN, 'did you mean "image"?'],
    ["image and embeds", { imagePrompts: [{ image: "a.png", embeds: new Float32Array(256) }] }, INVALID, "both"],
    ["scale NaN", { imagePrompts: [{ embeds: new Float32Array(256), scale: NaN }] }, INVALID, "imagePrompts[0].scale"],
    ["scale too large", { imagePrompts: [{ embeds: new Float32Array(256), scale: 6 }] }, INVALID, "use 5 or less"],
    ["scale text", { imagePrompts: [{ embeds: new Float32Array(256), scale: "0.5" }] }, INVALID, "use the number 0.5"],
    [
      "adapter not loaded",
      { imagePrompts: [{ embeds: new Float32Array(256), adapter: 1 }] },
      INVALID,
      "imagePrompts[0].adapter",
    ],
    ["adapter negative", { imagePrompts: [{ embeds: new Float32Array(256), adapter: -1 }] }, INVALID, "adapter"],
    ["embeds of a wrong length", { imagePrompts: [{ embeds: new Float32Array(255) }] }, INVALID, "256 floats"],
    ["embeds empty", { imagePrompts: [{ embeds: new Float32Array(0) }] }, INVALID, "256 floats"],
    ["embeds with NaN", { imagePrompts: [{ embeds: new Float32Array(256).fill(NaN, 7, 8) }] }, INVALID, "embeds[7]"],
    ["embeds beyond f32", { imagePrompts: [{ embeds: Array(256).fill(1e39) }] }, INVALID, "embeds[0]"],
    ["embeds of text", { imagePrompts: [{ embeds: Array(256).fill("1") }] }, INVALID, "embeds[0]"],
    ["embeds bytes", { imagePrompts: [{ embeds: new Uint8Array(256) }] }, INVALID, "a Float32Array"],
    ["image a number", { imagePrompts: [{ image: 5 }] }, INVALID, "imagePrompts[0].image"],
    ["image an array", { imagePrompts: [{ image: [1, 2, 3] }] }, INVALID, "imagePrompts[0].image"],
    ["image a float array", { imagePrompts: [{ image: new Float32Array(12) }] }, INVALID, "Float32Array"],
    [
      "image an http URL",
      { imagePrompts: [{ image: new URL("https://example.com/a.png") }] },
      INVALID,
      "fetch it yourself",
    ],
    ["image an http string", { imagePrompts: [{ image: "https://example.com/a.png" }] }, INVALID, "fetch it yourself"],
    ["image a URL of another kind", { imagePrompts: [{ image: new URL("ftp://host/a.png") }] }, INVALID, "file: URL"],
    [
      "image a data URL of no picture",
      { imagePrompts: [{ image: new URL("data:image/png;base64,AAAA") }] },
      FORMAT,
      "not an image",
    ],
    ["image an empty path", { imagePrompts: [{ image: "" }] }, INVALID, "path"],
    ["image a path with NUL", { imagePrompts: [{ image: "a\0.png" }] }, INVALID, "NUL"],
    ["image missing", { imagePrompts: [{ image: "/no/such/file.png" }] }, "ERR_IPA_NOT_FOUND", "/no/such/file.png"],
    ["image a folder", { imagePrompts: [{ image: ROOT }] }, "ERR_IPA_IO", "a folder"],
    ["raw of a wrong length", raw({ data: pixels(4, 4).subarray(1), width: 4, height: 4 }), INVALID, "data"],
    [
      "raw with channels that do not fit",
      raw({ data: pixels(4, 4), width: 4, height: 4, channels: 4 }),
      INVALID,
      "64 bytes",
    ],
    ["raw with two channels", raw({ data: pixels(4, 4), width: 4, height: 4, channels: 2 }), INVALID, "channels"],
    ["raw without width", raw({ data: pixels(4, 4), height: 4 }), INVALID, "width"],
    ["raw of width zero", raw({ data: pixels(4, 4), width: 0, height: 4 }), INVALID, "width"],
    ["raw of floats", raw({ data: new Float32Array(48), width: 4, height: 4 }), INVALID, "Uint8Array"],
    ["raw too wide", raw({ data: new Uint8Array(3), width: 20000, height: 20000 }), LIMIT, "16384"],
    ["raw too thin", raw({ data: pixels(1, 201), width: 1, height: 201 }), LIMIT, "200 times"],
  ] as [string, unknown, string, string][]
).map(([name, options, code, says]) => ({ name, options, code, says }));

function raw(image: object): GenerateOptions {
  return { imagePrompts: [{ image: image as never }] };
}

/** Encoded pictures that cannot be read. */
export function badImages(scratch: string): BadGenerate[] {
  const folder = join(ROOT, "test/golden/images");
  const png = readFileSync(join(folder, "rgb.png"));
  const jpeg = readFileSync(join(folder, "rgb.jpg"));
  const webp = readFileSync(join(folder, "lossy.webp"));
  const flipped = Buffer.from(png);
  flipped[png.indexOf("IDAT") + 8]! ^= 0xff;
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>';
  mkdirSync(scratch, { recursive: true });
  const renamed = join(scratch, "renamed.png");
  writeFileSync(renamed, svg);
  const empty = join(scratch, "empty.png");
  writeFileSync(empty, "");
  const pipe = join(scratch, "pipe.png");
  const hasPipe = process.platform !== "win32" && (existsSync(pipe) || spawnSync("mkfifo", [pipe]).status === 0);
  const cases: [string, unknown, string, string][] = [
    ...(hasPipe
      ? [
          ["a named pipe that nobody writes to", pipe, "ERR_IPA_IO", "not a regular file"] as [
            string,
            unknown,
            string,
            string,
          ],
        ]
      : []),
    ["no bytes", new Uint8Array(0), FORMAT, "no bytes"],
    ["an empty file", empty, FORMAT, "empty"],
    ["text", Buffer.from("hello world"), FORMAT, "not an image format"],
    ["SVG", Buffer.from(svg), FORMAT, "SVG"],
    ["SVG named .png", renamed, FORMAT, "SVG"],
    ["PDF", Buffer.from("%PDF-1.7\n%%EOF"), FORMAT, "PDF"],
    ["BMP", Buffer.from("BM\0\0\0\0\0\0\0\0"), FORMAT, "BMP"],
    ["HEIC", Buffer.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic", "latin1"), FORMAT, "HEIC"],
    ["an HTML page", Buffer.from("<!DOCTYPE html><html></html>"), FORMAT, "HTML"],
    ["a ZIP archive", Buffer.from("PK\x03\x04aaaaaaaa", "latin1"), FORMAT, "ZIP"],
    ["too many bytes", new Uint8Array(20 * 1024 * 1024 + 1), LIMIT, "encoded bytes"],
    ["half a PNG", png.subarray(0, png.length / 2), CORRUPT, "damaged"],
    ["a PNG signature alone", png.subarray(0, 8), CORRUPT, "damaged"],
    ["a PNG with a flipped bit", flipped, CORRUPT, "damaged"],
    ["half a JPEG", jpeg.subarray(0, jpeg.length - 60), CORRUPT, "damaged"],
    ["a JPEG signature alone", jpeg.subarray(0, 3), CORRUPT, "damaged"],
    ["half a WebP", webp.subarray(0, webp.length / 2), CORRUPT, "damaged"],
    ["a GIF signature alone", Buffer.from("GIF89a"), CORRUPT, "damaged"],
    ["a PNG of 60000 x 60000", hugePng(60000, 60000), LIMIT, "60000x60000"],
    ["a PNG of 16000 x 16000", hugePng(16000, 16000), LIMIT, "megapixels"],
    ["a PNG of 4000 x 2", hugePng(4000, 2), LIMIT, "200 times"],
  ];
  return cases.map(([name, image, code, says]) => ({ name, options: { imagePrompts: [{ image }] }, code, says }));
}

/** A PNG that declares a size and holds next to nothing. */
function hugePng(width: number, height: number): Buffer {
  return pngOf(width, height, { depth: 8, colour: 2 }, deflateSync(Buffer.alloc(100)));
}

const file = join(ROOT, "package.json");

/** Options of Pipeline.load() that are wrong. */
export const BAD_LOADS: BadLoad[] = (
  [
    ["options null", null, INVALID, "null"],
    ["a misspelt option", { modle: "x" }, UNKNOWN, 'did you mean "model"?'],
    ["model a number", { model: 5 }, INVALID, "model: expected a path"],
    ["model empty", { model: "" }, INVALID, "model"],
    ["model missing", { model: "/no/such/model" }, "ERR_IPA_NOT_FOUND", "/no/such/model"],
    ["model a URL", { model: "https://example.com/model" }, INVALID, "local"],
    ["model a page of the hub", { model: "https://huggingface.co/h94/IP-Adapter" }, INVALID, 'use "h94/IP-Adapter"'],
    [
      "adapter a URL of the hub",
      {
        adapters: [
          {
            file: new URL(
              "https://huggingface.co/h94/IP-Adapter/resolve/main/models/ip-adapter_sd15.bin?download=true",
            ),
          },
        ],
      },
      INVALID,
      'use "h94/IP-Adapter/models/ip-adapter_sd15.bin"',
    ],
    ["model with NUL", { model: "a\0b" }, INVALID, "NUL"],
    ["adapters an object", { adapters: { file } }, INVALID, "put it in [ ]"],
    ["adapters of numbers", { adapters: [7] }, INVALID, "adapters[0]"],
    ["adapter without file", { adapters: [{}] }, INVALID, "adapters[0].file"],
    ["adapter missing", { adapters: [{ file: "/no/such.safetensors" }] }, "ERR_IPA_NOT_FOUND", "/no/such.safetensors"],
    ["adapter a folder", { adapters: [{ file: ROOT }] }, INVALID, "adapters[0].file"],
    ["too many adapters", { adapters: Array(9).fill({ file }) }, INVALID, "at most 8"],
    ["imageEncoder missing", { imageEncoder: "/no/such/encoder" }, "ERR_IPA_NOT_FOUND", "imageEncoder"],
    ["unet missing", { unet: "/no/such/unet" }, "ERR_IPA_NOT_FOUND", "unet"],
    ["vae missing", { vae: "/no/such/vae" }, "ERR_IPA_NOT_FOUND", "vae"],
    ["dtype unknown", { dtype: "f64" }, INVALID, '"f32"'],
    ["threads negative", { threads: -1 }, INVALID, "threads"],
    ["threads a fraction", { threads: 1.5 }, INVALID, "use 1 or 2"],
    ["token a number", { token: 5 }, INVALID, "token: expected a string"],
    ["offline in words", { offline: "yes" }, INVALID, "offline: expected true or false"],
    ["onProgress an object", { onProgress: {} }, INVALID, "onProgress: expected a function"],
    [
      "a token with a line break, not shown",
      { model: "owner/name", token: "hf_a\nb", offline: false },
      INVALID,
      "token: expected an access token, which has",
    ],
    [
      "a mistyped file beside a name on the hub",
      { model: "owner/name", adapters: [{ file: "/no/such.safetensors" }] },
      "ERR_IPA_NOT_FOUND",
      "/no/such.safetensors",
    ],
    ["signal an event", { signal: {} }, INVALID, "an AbortSignal"],
  ] as [string, LoadOptions, string, string][]
).map(([name, load, code, says]) => ({ name, load, code, says }));

/** Files that only a reader of them can tell to be the wrong ones. */
export const BAD_FILES: BadLoad[] = (
  [
    ["model a file of no weights", { model: file }, "ERR_IPA_UNSUPPORTED", "package.json"],
    [
      "model a file of something else",
      { model: join(ROOT, "models/mini/ip-adapter.safetensors") },
      "ERR_IPA_MISMATCH",
      "this file holds no whole model (its kind is ip-adapter): pass it in adapters",
    ],
    [
      "model a file with other tokens",
      { model: join(ROOT, "test/golden/models/single-sd1/model.safetensors") },
      "ERR_IPA_MISMATCH",
      "49408 tokens",
    ],
    ["vae a file of no weights", { vae: file }, "ERR_IPA_UNSUPPORTED", "package.json"],
    [
      "vae a file of something else",
      { vae: join(ROOT, "models/mini/ip-adapter.safetensors") },
      "ERR_IPA_MISMATCH",
      "this file holds no VAE (its kind is ip-adapter): pass it in adapters",
    ],
  ] as [string, LoadOptions, string, string][]
).map(([name, load, code, says]) => ({ name, load, code, says }));
