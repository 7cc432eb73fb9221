/** The configuration of the original layout (LDM, sgm) that may lie beside weights in one file: `model.yaml` beside `model.safetensors`. */
import { basename, extname } from "node:path";

import { IpAdapterError, fileError, systemCode } from "./errors";
import type { NativeLoadRequest, NativeOriginalConfig } from "./native/contract";
import { NotAFileError, readRegularFile } from "./read-file";
import type { LoadOptions } from "./types";

/** Published ones have about 3 KB. */
const MAX_BYTES = 64 * 1024;

/** Tells the engine what the configurations beside the model and the UNet say, unless the caller's `prediction` overrules them. */
export async function addOriginalConfigs(request: NativeLoadRequest, read: LoadOptions): Promise<void> {
  if (read.prediction !== undefined) return;
  const model = await readOriginalConfig(request.model);
  if (model !== undefined) request.modelYaml = model;
  const unet = request.unet === undefined ? undefined : await readOriginalConfig(request.unet);
  if (unet !== undefined) request.unetYaml = unet;
}

/** undefined when there is none beside the weights, or it says nothing of the prediction. */
export async function readOriginalConfig(weights: string): Promise<NativeOriginalConfig | undefined> {
  const extension = extname(weights);
  if (extension === "") return undefined;
  const file = `${weights.slice(0, -extension.length)}.yaml`;
  let bytes: Buffer;
  try {
    bytes = await readRegularFile(file, ({ size }) => checkSize(file, size));
  } catch (error) {
    // Weights in a folder have no such file.
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error)) || error instanceof NotAFileError) return undefined;
    throw error instanceof IpAdapterError ? error : fileError("configuration beside the weights", file, error);
  }
  const prediction = predictionOf(textOf(bytes, file), file);
  return prediction === undefined ? undefined : { file: basename(file), prediction };
}

/** Without the mark of UTF-8 in front, which editors of Windows write. */
function textOf(bytes: Buffer, file: string): string {
  // UTF-16, with its mark or without: every other byte of plain letters is 0.
  if (bytes.includes(0)) unknown(file, "a text in another encoding than UTF-8");
  return bytes.toString("utf8").replace(/^\ufeff/, "");
}

function checkSize(file: string, size: number): void {
  if (size > MAX_BYTES)
    throw new IpAdapterError(
      "ERR_IPA_LIMIT",
      `${file}: ${size} bytes are too many for a configuration (at most ${MAX_BYTES}): ${FIX}`,
    );
}

const FIX =
  'move it away if it does not belong to the weights beside it, or pass the option prediction ("epsilon", "v" or "sample")';

/** `eps` is what LDM takes for granted: a configuration of its that names nothing says so too. */
const PARAMETERIZATIONS: Record<string, NativeOriginalConfig["prediction"]> = { eps: "epsilon", v: "v", x0: "sample" };
const SCALINGS: Record<string, NativeOriginalConfig["prediction"]> = { EpsScaling: "epsilon", VScaling: "v" };

function predictionOf(text: string, file: string): NativeOriginalConfig["prediction"] | undefined {
  const values = blockScalars(text, file);
  const stated = values.get("model.params.parameterization");
  if (stated !== undefined)
    return PARAMETERIZATIONS[stated] ?? unknown(file, `parameterization ${JSON.stringify(stated.slice(0, 80))}`);
  const scaling = values.get("model.params.denoiser_config.params.scaling_config.target");
  if (scaling !== undefined) {
    const name = scaling.slice(scaling.lastIndexOf(".") + 1);
    return SCALINGS[name] ?? unknown(file, `the scaling ${JSON.stringify(name.slice(0, 80))}`);
  }
  return values.has("model.params.unet_config.target") ? "epsilon" : undefined;
}

function unknown(file: string, what: string): never {
  throw new IpAdapterError("ERR_IPA_UNSUPPORTED", `${file}: ${what} is not known: ${FIX}`);
}

const DEPTH = 6;
/** Parts of the paths that are asked for, "" the top. */
const PARENTS = new Set([
  "",
  "model",
  "model.params",
  "model.params.denoiser_config",
  "model.params.denoiser_config.params",
  "model.params.denoiser_config.params.scaling_config",
]);
const VALUES = new Set(["model.params.parameterization", "model.params.denoiser_config.params.scaling_config.target"]);
/** Without a word of these, what is not read says nothing of the prediction. */
const MENTIONS = /parameterization|scaling_config/;
/** As PyYAML, which the original implementations read with, breaks lines. */
const LINE_BREAK = /\r\n|[\r\n\u0085\u2028\u2029]/;
/** Indentation, the key with its quotes, what is behind the colon. */
const ENTRY = /^( *)("[^"\\]*"\s*|'[^']*'\s*|[^\s"'<>?*&!|{}[\]%@`#,:-][^:#]*|[\w.-]+\s*):(?:\s(.*))?$/;

interface OpenBlock {
  indent: number;
  path: string;
}

/**
 * Plain and quoted values of nested block mappings by their path, which is all that such configurations are made of and as much of YAML as is read:
 * parsers of the whole language recurse, and a hostile file can end the process in one. What is written in another way where it would matter is refused.
 */
function blockScalars(text: string, file: string): Map<string, string> {
  const values = new Map<string, string>();
  const open: OpenBlock[] = [];
  const mentioned = MENTIONS.test(text);
  for (const [i, line] of text.split(LINE_BREAK).entries()) {
    // Nothing, a comment, the end of a list over several lines, a mark between documents.
    if (/^\s*(?:#|$|[\]}],?\s*$)|^(?:---|\.\.\.)\s*(?:#|$)|^%/.test(line)) continue;
    const [, spaces, quoted = "", rest = ""] = ENTRY.exec(line) ?? [];
    if (spaces === undefined) {
      const path = pathAround(line, open);
      if (mentioned && (PARENTS.has(path) || VALUES.has(path)))
        unknown(file, `line ${i + 1}, ${JSON.stringify(line.trim().slice(0, 80))}, which is no plain entry,`);
      continue;
    }
    while ((open.at(-1)?.indent ?? -1) >= spaces.length) open.pop();
    const path = childPath(open.at(-1), quoted.trim().replace(/^(["'])(.*)\1$/, "$2"), open.length);
    open.push({ indent: spaces.length, path });
    const value = scalar(rest.trim());
    if (open.length > DEPTH || value === "") continue;
    if (path !== "" && PARENTS.has(path)) unknown(file, `${path} that is not a plain block of lines`);
    if ((values.get(path) ?? value) !== value) unknown(file, `${path} given twice`);
    values.set(path, value);
  }
  return values;
}

/** Of what is nested too deep to be asked for, nothing but that it is. */
function childPath(parent: OpenBlock | undefined, key: string, depth: number): string {
  if (parent === undefined) return key;
  return depth >= DEPTH ? "…" : `${parent.path}.${key}`;
}

/** Where a line that is no entry belongs: an item of a list may stand right below its key. */
function pathAround(line: string, open: readonly OpenBlock[]): string {
  const indent = line.length - line.replace(/^ +/, "").length;
  const isItem = /^ *-(?:\s|$)/.test(line);
  return open.findLast((block) => (isItem ? block.indent <= indent : block.indent < indent))?.path ?? "";
}

/** Without quotes, or without the comment behind it. */
function scalar(rest: string): string {
  const quote = rest[0];
  if (quote !== '"' && quote !== "'") return rest.startsWith("#") ? "" : rest.replace(/\s#.*$/, "").trim();
  const end = rest.indexOf(quote, 1);
  return end < 0 ? rest : rest.slice(1, end);
}
