/** Which files of a repository the engine reads. Decided by names alone, from the hub's listing or from that of the cache. */
import { isWeightFile } from "./name";

/** What a name is wanted as: a whole model, one network with its config.json, a single file, or whatever it is. */
export type Want = "model" | "component" | "file" | "any";

export interface Choice {
  files: string[];
  /** what the engine needs and the listing does not have */
  missing: string[];
}

/** Parts of a model that the caller has from elsewhere, or that model_index.json names. */
export type Parts = ReadonlySet<string>;

const NONE: Parts = new Set();
const TOKENIZER = ["tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json"];
const NETWORKS = [
  ["text_encoder", "model"],
  ["text_encoder_2", "model"],
  ["unet", "diffusion_pytorch_model"],
  ["vae", "diffusion_pytorch_model"],
  ["image_encoder", "model"],
] as const;
const ALWAYS: Parts = new Set(["scheduler", "text_encoder", "tokenizer", "unet", "vae"]);

/**
 * @param files paths in the repository, of files only
 * @param path what of the repository is wanted, "" for all
 * @param skip parts that are not wanted
 * @param declared parts that the model has, beside those in the listing
 */
export function chooseFiles(
  files: readonly string[],
  path: string,
  want: Want,
  skip: Parts = NONE,
  declared: Parts = NONE,
): Choice {
  if (want === "file" || isWeightFile(path)) {
    if (!files.includes(path)) return { files: [], missing: [path] };
    return { files: [path, ...(want === "file" ? [] : besideWeights(files, path))], missing: [] };
  }
  const prefix = path === "" ? "" : `${path}/`;
  const inside = new Set(files.filter((file) => file.startsWith(prefix)).map((file) => file.slice(prefix.length)));
  const isModel =
    want === "model" || (want === "any" && (inside.has("model_index.json") || inside.has("unet/config.json")));
  const choice = isModel
    ? chooseModel(inside, skip, declared)
    : chooseNetwork(inside, "", ["diffusion_pytorch_model", "model"]);
  return { files: choice.files.map((file) => prefix + file), missing: choice.missing.map((file) => prefix + file) };
}

/** What load() reads beside a model or a network in one file. */
function besideWeights(files: readonly string[], path: string): string[] {
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  const names = [path.replace(/\.[^./]*$/, ".yaml"), `${folder}config.json`, `${folder}preprocessor_config.json`];
  return names.filter((name) => files.includes(name));
}

/** For a repository that is neither a model nor a network, such as one of adapters: all that can be read, each in one format. */
export function chooseReadable(files: readonly string[]): string[] {
  const all = new Set(files);
  return files.filter((file) => {
    if (/\.(?:json|txt)$/i.test(file)) return true;
    if (!isWeightFile(file) || /(?:^|\/)openvino_/.test(file)) return false;
    const twin = file.replace(/pytorch_model(?=[^/]*$)/, "model").replace(/\.(?:bin|pt|pth|ckpt)$/i, ".safetensors");
    return twin === file || !all.has(twin);
  });
}

/** Parts that a model_index.json names and does not set to null. */
export function declaredParts(index: string): Parts {
  let value: unknown;
  try {
    value = JSON.parse(index);
  } catch {
    // Whoever loads it says what is wrong with it.
    return NONE;
  }
  const entries = typeof value === "object" && value !== null ? Object.entries(value) : [];
  return new Set(entries.filter(([, entry]) => Array.isArray(entry) && entry[1] !== null).map(([name]) => name));
}

function chooseModel(files: Parts, skip: Parts, declared: Parts): Choice {
  const choice: Choice = { files: [], missing: [] };
  const optional = (file: string): boolean => files.has(file) && choice.files.push(file) > 0;
  const required = (file: string): unknown => optional(file) || choice.missing.push(file);
  const present = new Set(
    [...files].filter((file) => file.includes("/")).map((file) => file.slice(0, file.indexOf("/"))),
  );
  const has = (part: string): boolean =>
    !skip.has(part) && (ALWAYS.has(part) || present.has(part) || declared.has(part));
  optional("model_index.json");
  required("scheduler/scheduler_config.json");
  optional("feature_extractor/preprocessor_config.json");
  for (const part of ["tokenizer", "tokenizer_2"].filter(has)) {
    const found = TOKENIZER.filter((file) => optional(`${part}/${file}`));
    if (!found.includes("tokenizer.json"))
      choice.missing.push(
        ...["vocab.json", "merges.txt"].filter((file) => !found.includes(file)).map((file) => `${part}/${file}`),
      );
  }
  for (const [part, stem] of NETWORKS) {
    if (!has(part)) continue;
    const network = chooseNetwork(files, `${part}/`, [stem]);
    choice.files.push(...network.files);
    choice.missing.push(...network.missing);
  }
  return choice;
}

function chooseNetwork(files: Parts, folder: string, stems: readonly string[]): Choice {
  const others = ["config.json", "preprocessor_config.json"]
    .map((file) => folder + file)
    .filter((file) => files.has(file));
  const missing = files.has(`${folder}config.json`) ? [] : [`${folder}config.json`];
  for (const stem of stems) {
    const weights = chooseWeights(files, folder, stem);
    if (weights !== undefined)
      return { files: [...others, ...weights.files], missing: [...missing, ...weights.missing] };
  }
  return { files: others, missing: [...missing, `${folder}${stems[0] ?? ""}.safetensors`] };
}

/** The first that exists, in the order in which the engine looks (native/weights/formats/sharded.cc): f32 before f16, safetensors before the rest. */
function chooseWeights(files: Parts, folder: string, stem: string): Choice | undefined {
  const torch = stem === "model" ? "pytorch_model" : stem;
  const candidates = [
    ...weightNames(stem, "safetensors"),
    { name: `${stem}.gguf`, shards: undefined },
    ...weightNames(torch, "bin"),
  ];
  for (const { name, shards } of candidates) {
    if (!files.has(folder + name)) continue;
    if (shards === undefined) return { files: [folder + name], missing: [] };
    const parts = chooseShards(files, folder, shards);
    return { files: [folder + name, ...parts.files], missing: parts.missing };
  }
  return undefined;
}

function weightNames(stem: string, extension: string): { name: string; shards: RegExp | undefined }[] {
  const shards = (variant: string): RegExp => new RegExp(`^${stem}${variant}\\.${extension}$`);
  return [
    { name: `${stem}.${extension}`, shards: undefined },
    { name: `${stem}.${extension}.index.json`, shards: shards("-(\\d+)-of-(\\d+)") },
    { name: `${stem}.fp16.${extension}`, shards: undefined },
    {
      name: `${stem}.${extension}.index.fp16.json`,
      shards: shards("(?=.*fp16)(?:\\.fp16)?-(\\d+)-of-(\\d+)(?:\\.fp16)?"),
    },
  ];
}

/** All shards whose names fit, and which of them their own numbers say are absent. */
function chooseShards(files: Parts, folder: string, pattern: RegExp): Choice {
  const found: string[] = [];
  const numbers = new Set<number>();
  let example = { name: "", number: "", count: 1 };
  for (const file of files) {
    const name = file.startsWith(folder) ? file.slice(folder.length) : "";
    const [, number, count] = pattern.exec(name) ?? [];
    if (number === undefined || count === undefined) continue;
    found.push(file);
    numbers.add(Number(number));
    example = { name: file, number, count: Number(count) };
  }
  if (found.length === 0) return { files: [], missing: [`${folder}the shards of its weights`] };
  const missing: string[] = [];
  for (let i = 1; i <= Math.min(example.count, 1000); i++) {
    if (!numbers.has(i))
      missing.push(
        example.name.replace(`-${example.number}-of-`, `-${String(i).padStart(example.number.length, "0")}-of-`),
      );
  }
  return { files: found, missing };
}
