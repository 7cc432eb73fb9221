/** The text in which AUTOMATIC1111's web UI and many programs after it write a picture's settings. */
import { basename, extname } from "node:path";

import type { FileRecord } from "./record";

const SAMPLERS: Record<string, string> = {
  ddim: "DDIM",
  pndm: "PLMS",
  euler: "Euler",
  euler_a: "Euler a",
  heun: "Heun",
  dpm2: "DPM2",
  dpm2_a: "DPM2 a",
  lms: "LMS",
  deis: "DEIS",
  "dpm++2m": "DPM++ 2M",
  "dpm++2m_sde": "DPM++ 2M SDE",
  "dpm++3m_sde": "DPM++ 3M SDE",
  "dpm++_sde": "DPM++ SDE",
  unipc: "UniPC",
  lcm: "LCM",
  tcd: "TCD",
};

const SCHEDULES: Record<string, string> = {
  normal: "Normal",
  karras: "Karras",
  exponential: "Exponential",
  beta: "Beta",
  sgm_uniform: "SGM Uniform",
  ays: "Align Your Steps",
};

export interface InfotextRecord {
  library: string;
  load: Readonly<Record<string, unknown>>;
  generate: Readonly<Record<string, unknown>>;
  files: readonly FileRecord[];
}

/** Prompt, negative prompt, and one line of what else decides the picture. */
export function infotext(
  { library, load, generate, files }: InfotextRecord,
  size: { width: number; height: number },
): string {
  const text = (value: unknown): string => (typeof value === "string" ? value : "");
  const hashOf = (option: string): string => files.find((file) => file.option === option)?.sha256 ?? "";
  const stem = (path: unknown): string => basename(text(path), extname(text(path)));
  const facts: [string, unknown][] = [
    ["Steps", generate["steps"]],
    ["Sampler", SAMPLERS[text(generate["scheduler"])] ?? generate["scheduler"]],
    ["Schedule type", SCHEDULES[text(generate["sigmas"])]],
    ["CFG scale", generate["guidance"]],
    ["Seed", generate["seed"]],
    ["Size", `${size.width}x${size.height}`],
    ["Model hash", hashOf("model").slice(0, 10)],
    ["Model", stem(load["model"])],
    // Theirs counts from 1.
    ["Clip skip", typeof generate["clipSkip"] === "number" && generate["clipSkip"] > 0 ? generate["clipSkip"] + 1 : ""],
    ["Denoising strength", generate["strength"]],
    // Theirs tiles along both axes or none.
    ["Tiling", generate["seamless"] === "both" ? "True" : ""],
    ["Lora hashes", loraHashes(load["loras"], hashOf, stem)],
    ["Version", `node-ip-adapter ${library}`],
  ];
  const line = facts
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([name, value]) => `${name}: ${quoted(String(value))}`)
    .join(", ");
  const negative = text(generate["negativePrompt"]);
  return [text(generate["prompt"]), ...(negative === "" ? [] : [`Negative prompt: ${negative}`]), line].join("\n");
}

function loraHashes(loras: unknown, hashOf: (option: string) => string, stem: (path: unknown) => string): string {
  if (!Array.isArray(loras)) return "";
  return loras
    .map((lora, i) => `${stem((lora as { file?: unknown }).file)}: ${hashOf(`loras[${i}].file`).slice(0, 12)}`)
    .join(", ");
}

/** Their reader takes a comma or colon for the end of a value without quotes. */
const quoted = (value: string): string => (/[,:\n"]/.test(value) ? JSON.stringify(value) : value);
