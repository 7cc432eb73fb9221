/** Which files of a repository the engine reads. Decided by names alone, from the hub's listing or from that of the cache. */
import { TOKENIZER_FILES } from "../tokenizer/file-names";
import { MODEL_LAYOUT } from "./layout";
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
/** Beside the weights of a network. */
const NETWORK_FILES = [MODEL_LAYOUT.config, MODEL_LAYOUT.ownPreprocessor];
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
    want === "model" ||
    (want === "any" && (inside.has(MODEL_LAYOUT.index) || inside.has(`unet/${MODEL_LAYOUT.config}`)));
  const choice = isModel ? chooseModel(inside, skip, declared) : chooseNetwork(inside, "", MODEL_LAYOUT.anyNetwork);
  return { files: choice.files.map((file) => prefix + file), missing: choice.missing.map((file) => prefix + file) };
}

/** What load() reads beside a model or a network in one file. */
function besideWeights(files: readonly string[], path: string): string[] {
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  const names = [path.replace(/\.[^./]*$/, ".yaml"), ...NETWORK_FILES.map((name) => folder + name)];
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
  const add = ({ files: more, missing }: Choice): void => {
    choice.files.push(...more);
    choice.missing.push(...missing);
  };
  const folders = new Set(
    [...files].filter((file) => file.includes("/")).map((file) => file.slice(0, file.indexOf("/"))),
  );
  const has = (folder: string): boolean => folders.has(folder) || declared.has(folder);
  add(optional(files, MODEL_LAYOUT.index));
  add(required(files, MODEL_LAYOUT.scheduler));
  add(optional(files, MODEL_LAYOUT.preprocessor));
  for (const network of MODEL_LAYOUT.networks) {
    const { folder, tokenizer, weights, unless } = network;
    const needed = network.required && (unless === undefined || !has(unless));
    if (skip.has(folder) || !(needed || has(folder))) continue;
    if (tokenizer !== undefined) add(chooseTokenizer(files, `${tokenizer}/`));
    add(chooseNetwork(files, `${folder}/`, [weights]));
  }
  return choice;
}

function optional(files: Parts, file: string): Choice {
  return { files: files.has(file) ? [file] : [], missing: [] };
}

function required(files: Parts, file: string): Choice {
  return files.has(file) ? { files: [file], missing: [] } : { files: [], missing: [file] };
}

function chooseTokenizer(files: Parts, folder: string): Choice {
  const { whole, vocabulary, merges } = TOKENIZER_FILES;
  const found = Object.values(TOKENIZER_FILES).flatMap((name) => optional(files, folder + name).files);
  if (files.has(folder + whole)) return { files: found, missing: [] };
  return { files: found, missing: [vocabulary, merges].flatMap((name) => required(files, folder + name).missing) };
}

/** @param stems lists of files that may hold the weights, one per naming */
function chooseNetwork(files: Parts, folder: string, stems: readonly (readonly string[])[]): Choice {
  const others = NETWORK_FILES.flatMap((name) => optional(files, folder + name).files);
  const missing = required(files, folder + MODEL_LAYOUT.config).missing;
  const names = stems.flat();
  const name = names.find((one) => files.has(folder + one));
  if (name === undefined) return { files: others, missing: [...missing, `${folder}${names[0] ?? ""}`] };
  const shards = chooseShards(files, folder, name);
  return { files: [...others, folder + name, ...shards.files], missing: [...missing, ...shards.missing] };
}

/** What the names of an index's shards are like, number and count apart. */
function shardPattern(index: string): RegExp | undefined {
  const [, stem, extension, half] = /^(\w+)\.(\w+)\.index(\.fp16)?\.json$/.exec(index) ?? [];
  if (stem === undefined || extension === undefined) return undefined;
  const number = "-(\\d+)-of-(\\d+)";
  const middle = half === undefined ? number : `(?=.*fp16)(?:\\.fp16)?${number}(?:\\.fp16)?`;
  return new RegExp(`^${stem}${middle}\\.${extension}$`);
}

/** All shards whose names fit an index, and which of them their own numbers say are absent; none for a file that is no index. */
function chooseShards(files: Parts, folder: string, index: string): Choice {
  const pattern = shardPattern(index);
  if (pattern === undefined) return { files: [], missing: [] };
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
