/** Messages of the API in the words of the command line: options as flags. */
import { GenerateSchema } from "../options/generate-schema";
import { LoadSchema } from "../options/load-schema";

/** Options without a flag of their name. */
export const FLAGLESS = [
  "adapters",
  "loras",
  "controls",
  "inpaint",
  "devices",
  "embeddings",
  "imagePrompts",
  "negativeImagePrompts",
  "regions",
  "images",
  "maxPixels",
  "maxQueue",
  "concurrency",
  "maxBatch",
  "priority",
  "token",
  "metadata",
  "signal",
  "onProgress",
  "onStep",
];

/** Options with one. */
export const NAMES = Object.keys({ ...LoadSchema.properties, ...GenerateSchema.properties }).filter(
  (name) => !FLAGLESS.includes(name),
);

/** `--clip-skip` of `clipSkip` */
export function flagOf(option: string): string {
  return `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** `--text-encoder-device` of `devices.textEncoder` */
export const deviceFlagOf = (part: string): string => `${flagOf(part)}-device`;

/** What has another form as a flag than its name. */
const FORMS: [RegExp, string][] = [
  [/imagePrompts: \[\{ image, scale: (-?[\d.]+) \}\]/g, "--image-prompt FILE:$1"],
  [/imagePrompts: \[\{ image, scale \}\]/g, "--image-prompt FILE:SCALE"],
  [/imagePrompts: \[\{ image \}\]/g, "--image-prompt FILE"],
  [/imagePrompts: \[\{ embeds \}\]/g, "--image-embeds FILE"],
  [/imagePrompts: \[\{ faceEmbeds \}\]/g, "--face-embeds FILE"],
  [/negativeImagePrompts: \[\{ image \}\]/g, "--negative-image-prompt FILE"],
  [/regions: \[\{ mask, prompt \}\]/g, "--region JSON"],
  [/promptEmbeds: \{ prompt, negative, pooled, negativePooled \}/g, "--prompt-embeds FILE"],
  [/adapters: \[\{ file \}\]/g, "--adapter FILE"],
  [/controls: \[\{ file \}\]/g, "--control PATH"],
  [/controls: \[\{ control, image \}\]/g, "--control-image FILE"],
  [/loras: \[\{ file, weight \}\]/g, "--lora FILE:WEIGHT"],
  [/loras: \[\{ file: "([^"]*)", weight: ([\d.-]+) \}\]/g, "--lora $1:$2"],
  [/devices: \{ unet, vae, textEncoder, imageEncoder \}/g, "--unet-device NAME and the like"],
  [/devices: \{ textEncoder: "cpu" \}/g, "--text-encoder-device cpu"],
  [/embeddings: \[\{ file, token \}\]/g, "--embedding FILE=TOKEN"],
  [/preview: \{ every \}, and event\.preview in onProgress/g, "--preview N"],
  [/featureCache: \{ every \}/g, "--feature-cache N"],
  [/hires: \{ scale, strength \}/g, "--hires SCALE:STRENGTH"],
  [/variation: \{ seed, strength \}/g, "--variation SEED:STRENGTH"],
  [/guidanceInterval: \[start, end\]/g, "--guidance-interval START,END"],
  [/cropOffset: \[left, top\]/g, "--crop-offset LEFT,TOP"],
  [/output: "latents"/g, "--save-latents FILE"],
  [/output, and images\[i\][^:]*$/g, "--output FILE"],
  [/\bpass overwrite: true \(--force\)/g, "use --force"],
  [/\bpass it in loras\b/g, "use --lora for it"],
  [/\bpass it in embeddings\b/g, "use --embedding for it"],
  [
    /it is loaded with the model: in Pipeline\.load\(\), |it is an option of each call: | (?:in|to) (?:Pipeline\.load|generate)\(\)|,? or (?:call )?set(?:Loras|Adapters)\(\)/g,
    "",
  ],
];

/** What other commands call the options of their calls, by the name of the command. */
const OF_COMMAND: Record<string, Record<string, string>> = {
  convert: { input: "<in>", output: "<out>", type: "--type" },
  inspect: { path: "<file-or-folder>", offline: "--offline" },
  preprocess: { image: "<in>", points: "--face-keypoints", width: "--width", height: "--height" },
  pull: { name: "<repo>", revision: "--revision", include: "--include", exclude: "--exclude" },
};

/** @param given the arguments, which say what image prompts were */
export function withFlags(message: string, given: readonly string[]): string {
  let text = message;
  for (const [form, flag] of FORMS) text = text.replace(form, flag);
  text = text.replace(
    /^(adapters|loras|controls|embeddings|imagePrompts|negativeImagePrompts|regions)\[(\d+)\](?:\.(\w+))?((?:\.\w+|\[\d+\])*)(?=:| )/,
    (_, list: string, index: string, field = "", inner = "") =>
      listFlag(list, field as string, given) +
      (index === "0" ? "" : ` number ${Number(index) + 1}`) +
      // JSON alone has what is further inside.
      (inner === "" && list !== "regions" ? "" : `, ${field as string}${inner as string}`.replace(/, $/, "")),
  );
  text = text.replace(/^devices\.(\w+)(?=: )/, (_, part: string) => deviceFlagOf(part));
  text = text.replace(/^inpaint(?:\.(\w+))?(?=: )/, (_, part = "head") => `--inpaint-${part as string}`);
  text = text.replace(/\bpass it as inpaint\.(\w+)\b/, "use --inpaint-$1 for it");
  text = text.replace(
    /^(\w+)((?:\.\w+|\[\d+\])*)(?=: )/,
    (all, name: string, field: string) => namedFor(given[0], name, field) ?? all,
  );
  text = text.replace(
    /(\buse |\band |\bwith |(?<!^[^:]*), )(\w+): "?([\w+.-]+(?::\d+)?)"?(?=[,:; ]|$)/g,
    (all, before: string, name: string, value: string) =>
      NAMES.includes(name)
        ? `${before === ", " ? " " : before}${flagOf(name)}${value === "true" ? "" : ` ${value}`}`
        : all,
  );
  text = text.replace(/\buse (\w+)( and (\w+))?/g, (all, name: string, _and, other?: string) =>
    NAMES.includes(name)
      ? `use ${flagOf(name)}${other === undefined ? "" : ` and ${NAMES.includes(other) ? flagOf(other) : other}`}`
      : all,
  );
  return wordsToFlags(text);
}

/** `text` with flags for the options in it whose names have a capital. Nobody writes such words but for an option; not in a path. */
export function wordsToFlags(text: string): string {
  return text.replace(/(?<![\w./\\"-])[a-z]+[A-Z]\w*(?![\w/\\"([]|\.\w)/g, (name) =>
    NAMES.includes(name) ? flagOf(name) : name,
  );
}

/** The flag, or the argument, of the option at the beginning of a message; undefined: it has none. */
function namedFor(command: string | undefined, name: string, field: string): string | undefined {
  const own = OF_COMMAND[command ?? ""];
  if (command === "preprocess" && name === "how") return flagOf(/^\.(\w+)/.exec(field)?.[1] ?? name);
  if (own !== undefined) return Object.hasOwn(own, name) ? own[name] : undefined;
  if (!NAMES.includes(name)) return undefined;
  if (name === "attentionMaps" && field.startsWith(".layers")) return "--attention-layers";
  return name === "preview" && field === ".decoder" ? "--preview-decoder" : flagOf(name);
}

function listFlag(list: string, field: string, given: readonly string[]): string {
  if (list === "adapters") return field === "imageEncoder" ? "--adapter-encoder" : "--adapter";
  if (list === "controls") return field === "file" ? "--control" : "--control-image";
  if (list === "regions") return "--region";
  if (list === "negativeImagePrompts") return "--negative-image-prompt";
  if (list !== "imagePrompts") return list === "loras" ? "--lora" : "--embedding";
  if (field === "embeds") return "--image-embeds";
  if (field === "faceEmbeds") return "--face-embeds";
  const flags = ["--image-prompt", "--image-embeds", "--face-embeds"];
  return (
    flags.find((flag) => given.some((argument) => argument === flag || argument.startsWith(`${flag}=`))) ??
    "--image-prompt"
  );
}
