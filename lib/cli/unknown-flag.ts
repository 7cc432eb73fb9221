/** What to write in place of a flag that does not exist, or of a word without one. */
import { optionAlias } from "../options/aliases";
import { LoadSchema } from "../options/load-schema";
import { fold, nearest } from "../options/suggest";
import { withFlags } from "./flag-names";

/** One letter, and what only a command has; the rest is in the tables of the API. */
const FLAGS: Record<string, string> = {
  p: "use --prompt",
  m: "use --model",
  o: "use --output",
  W: "use --width",
  H: "use --height",
  t: "use --threads",
  s: "use --steps, or --seed",
  n: "use --count, or --negative-prompt",
  h: "use --help",
  neg: "use --negative-prompt",
  out: "use --output",
  file: "use --output",
  token: "set the environment variable HF_TOKEN",
  overwrite: "use --force",
  adapters: "use --adapter FILE",
  loras: "use --lora FILE:WEIGHT",
  embeddings: "use --embedding FILE=TOKEN",
  imageprompts: "use --image-prompt FILE:SCALE",
  hftoken: "set the environment variable HF_TOKEN",
  cachedir: "set the environment variable HF_HUB_CACHE",
  progress: "use --json, which writes it",
};

const TITLES = ["generate options", "Pipeline.load options", "image prompt"];

/**
 * commander's error about the arguments, with the flag that is meant where one is.
 * @param flags the long ones of the command
 */
export function explainUsage(text: string, args: readonly string[], flags: readonly string[]): string {
  const [, unknown] = /^error: unknown option '([^']+)'/.exec(text) ?? [];
  if (unknown !== undefined) {
    const fix = unknownFix(unknown, args, flags);
    return fix === undefined ? text : `error: unknown option '${unknown}': ${fix}\n`;
  }
  if (/^error: too many arguments for 'generate'/.test(text))
    return `${text.trimEnd().replace(/\.$/, "")}: use --prompt "…" for the prompt, with quotes around all of it\n`;
  return text;
}

/** The server's models and what they are loaded with are in a file. */
function servedFix(name: string, args: readonly string[]): string | undefined {
  const option = Object.keys(LoadSchema.properties).find((own) => fold(own) === fold(name));
  if (args[0] !== "serve" || option === undefined) return undefined;
  return `put it into the file of --config, as "${option}" in "load" of a model: docs/server.md`;
}

function unknownFix(unknown: string, args: readonly string[], flags: readonly string[]): string | undefined {
  const [name = "", inline] = unknown.replace(/^--?/, "").split("=", 2);
  const at = args.findIndex((argument) => argument === unknown || argument.startsWith(`${unknown}=`));
  const value = inline ?? (args[at]?.includes("=") === true ? args[at].slice(args[at].indexOf("=") + 1) : args[at + 1]);
  const key = name.length === 1 ? name : fold(name);
  const served = servedFix(name, args);
  if (served !== undefined) return served;
  const own = Object.hasOwn(FLAGS, key) ? FLAGS[key] : undefined;
  const found =
    own ??
    TITLES.map((title) => fromApi(title, name, value)).find((fix) => fix !== undefined && namesFlags(fix, flags));
  if (found !== undefined && namesFlags(found, flags)) return found;
  const begun = name.length < 3 ? [] : flags.filter((flag) => flag.startsWith(`--${name}`));
  const near =
    begun.length === 1
      ? begun[0]
      : nearest(
          name,
          flags.map((flag) => flag.slice(2)),
        );
  return near === undefined ? undefined : `did you mean ${near.startsWith("--") ? near : `--${near}`}?`;
}

function fromApi(title: string, name: string, value: string | undefined): string | undefined {
  const number = value === undefined || value.trim() === "" ? NaN : Number(value);
  const fix = optionAlias(title, name, () => (Number.isNaN(number) ? value : number));
  return fix === undefined ? undefined : withFlags(fix, []);
}

/** Whether all that it says to use is a flag of the command. */
function namesFlags(fix: string, flags: readonly string[]): boolean {
  return (
    !/\buse (?!--|it\b)|\bpass it\b|\w\(\)/.test(fix) &&
    [...fix.matchAll(/--[a-z][a-z-]*/g)].every(([flag]) => flag === "--help" || flags.includes(flag))
  );
}
