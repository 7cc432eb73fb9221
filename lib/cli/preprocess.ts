/** `node-ip-adapter preprocess` */
import type { Command } from "commander";

import { OptionError } from "../errors";
import type { Picture } from "../image/picture";
import type { PreprocessOptions } from "../image/preprocessor";
import { CallPictures } from "../image/rules";
import { PictureSnapshot } from "../image/snapshot";
import { CallSite } from "../native/call";
import type { ObjectSchema } from "../options/json-schema";
import { PREPROCESSORS, type PreprocessName } from "../options/names";
import { FACE_KEYPOINTS, PreprocessCallSchema, PreprocessSchema } from "../options/preprocess-schema";
import { drawFaceKeypointsWith, preprocessWith } from "../preprocess";
import type { FaceKeypoints } from "../types";
import type { Environment } from "./environment";
import { parseNumber } from "./numbers";
import { addFlags, help, readFlags } from "./option-flags";
import { checkImageOutput } from "./output";

type PreprocessFlags = Partial<Record<PreprocessName, string | true>> & {
  faceKeypoints?: string;
  width?: string;
  height?: string;
  json?: boolean;
};

const SIZE = ["width", "height"];

export function addPreprocess(program: Command, environment: Environment): void {
  const command = program
    .command("preprocess")
    .description("make of a picture what a structure control reads: edges, lines, a blur, points of a face")
    .argument("<in>", "picture")
    .argument("<out>", "picture to write (.png, .jpg, .webp)");
  for (const name of PREPROCESSORS) command.option(`--${name}${placeholder(name)}`, helpOf(name));
  addFlags(
    command.option("--face-keypoints <x,y,…>", `five points of a face, on black: ${help(FACE_KEYPOINTS)}`),
    PreprocessCallSchema,
    SIZE,
  )
    .option("--json", "one JSON object on standard output")
    .action((input: string, output: string, flags: PreprocessFlags) => run(input, output, flags, environment));
}

/** The numbers of a preprocessor, in the order of its flag. */
const numbersOf = (name: PreprocessName): string[] => Object.keys(PreprocessSchema.properties[name].properties);

function placeholder(name: PreprocessName): string {
  const numbers = numbersOf(name);
  return numbers.length === 0 ? "" : ` [${numbers.join(",")}]`;
}

function helpOf(name: PreprocessName): string {
  const { description, properties }: ObjectSchema = PreprocessSchema.properties[name];
  const rules = Object.entries(properties).map(([number, rule]) => `${number}: ${help(rule)}`);
  return [description, ...rules].join("; ");
}

async function run(input: string, output: string, flags: PreprocessFlags, environment: Environment): Promise<void> {
  const file = checkImageOutput(output, "<out>");
  const made = await make(input, flags, environment);
  await made.toFile(file);
  const { width, height } = made;
  if (flags.json === true) environment.json({ type: "result", file, width, height });
  else environment.out.write(`${file}: ${width}x${height}\n`);
}

async function make(input: string, flags: PreprocessFlags, environment: Environment): Promise<Picture> {
  const { signal } = environment;
  const size = readFlags({ ...flags }, PreprocessCallSchema, SIZE) as { width?: number; height?: number };
  const given = PREPROCESSORS.filter((name) => flags[name] !== undefined);
  const [name] = given;
  if (given.length + (flags.faceKeypoints === undefined ? 0 : 1) !== 1) {
    const all = [...PREPROCESSORS.map((one) => `--${one}`), "--face-keypoints"].join(", ");
    throw new OptionError("", `expected one of ${all}: ${given.length === 0 ? "add one" : "leave all but one out"}`);
  }
  if (name !== undefined)
    return preprocessWith(environment.addon(), input, askedFor(name, flags[name]), { ...size, signal }, new CallSite());
  const points = parsePoints(flags.faceKeypoints ?? "");
  const own = await new PictureSnapshot(input, "image", new CallPictures()).decode(signal);
  const { width = own.width, height = own.height } = size;
  return drawFaceKeypointsWith(environment.addon(), points, { width, height, signal }, new CallSite());
}

function askedFor(name: PreprocessName, flag: string | true | undefined): PreprocessOptions {
  const numbers = numbersOf(name);
  if (typeof flag !== "string") return { [name]: {} };
  const values = flag.split(",");
  if (values.length !== numbers.length)
    throw new OptionError(`--${name}`, `expected ${numbers.join(",").toUpperCase()} but received "${flag}"`);
  return {
    [name]: Object.fromEntries(numbers.map((number, i) => [number, parseNumber(values[i] ?? "", `--${name}`)])),
  };
}

/** `x,y` five times, with commas between. */
function parsePoints(text: string): FaceKeypoints {
  const numbers = text.split(",").map((part) => parseNumber(part, "--face-keypoints"));
  if (numbers.length !== 10)
    throw new OptionError("--face-keypoints", `expected 10 numbers but received ${numbers.length}`);
  return [0, 2, 4, 6, 8].map((i) => [numbers[i] ?? 0, numbers[i + 1] ?? 0]);
}
