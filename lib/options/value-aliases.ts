/** Values that other programs have for an option of names: the message says how ours is written. */
import { deviceAlias } from "./device-aliases";
import { SCALE_PRESETS, SCHEDULERS, SIGMAS, type SchedulerName, type SigmasName } from "./names";
import { fold } from "./suggest";

/**
 * Samplers by the names of AUTOMATIC1111, ComfyUI, k-diffusion and diffusers, as `plain` makes them: folded, "dpmpp" as "dpm++",
 * "ancestral" as "a", and without what only says where a name is from.
 */
const SAMPLERS: Record<string, SchedulerName> = {
  eulera: "euler_a",
  dpm2: "dpm2",
  kdpm2: "dpm2",
  dpm2a: "dpm2_a",
  kdpm2a: "dpm2_a",
  plms: "pndm",
  "dpm++2m": "dpm++2m",
  dpmsolver: "dpm++2m",
  dpmsolvermultistep: "dpm++2m",
  "dpm++sde": "dpm++_sde",
  dpmsolversde: "dpm++_sde",
  "dpm++2msde": "dpm++2m_sde",
  "dpm++3msde": "dpm++3m_sde",
  unipcbh2: "unipc",
  unipcmultistep: "unipc",
  deismultistep: "deis",
  ...Object.fromEntries(SCHEDULERS.map((name) => [fold(name), name])),
};

const SPACINGS: Record<string, SigmasName> = {
  alignyoursteps: "ays",
  ...Object.fromEntries(SIGMAS.map((name) => [fold(name), name])),
};

/** Samplers of others that are not there, with the nearest of ours. */
const ABSENT: Record<string, string> = {
  ddpm: 'it is ddim with its noise: use scheduler: "ddim", eta: 1',
  "dpm++2sa": 'that sampler is not there: "euler_a" and "dpm++_sde" are near',
  dpmsolversinglestep: 'that sampler is not there: "dpm++2m" is near',
  dpmfast: 'that sampler is not there: "dpm++2m" is near',
  dpmadaptive: 'that sampler is not there: "dpm++2m" is near',
  "heun++2": 'that sampler is not there: "heun" is near',
  ipndm: 'that sampler is not there: "pndm" is near',
  restart: 'that sampler is not there: "heun" is near',
};

/** Words behind A1111's names of samplers that are spacings. */
const SPACING_ENDING = /(karras|exponential|sgmuniform|beta|normal|ays|alignyoursteps)$/;

const F16 = 'use "f16" on a GPU; on the CPU "f32" keeps f16 weights in f16, and "int16" and "bf16" are faster';

/** Names of number types, of PyTorch and others. */
const DTYPES: Record<string, string> = {
  float32: 'use "f32"',
  fp32: 'use "f32"',
  float: 'use "f32"',
  full: 'use "f32"',
  bfloat16: 'use "bf16"',
  float16: F16,
  fp16: F16,
  half: F16,
  q8: 'use "int8"',
  q80: 'use "int8"',
  i8: 'use "int8"',
  "8bit": 'use "int8"',
  i16: 'use "int16"',
};

const OUTPUTS: Record<string, string> = {
  pil: 'use "image", and images[i].data or toBuffer() of the result',
  np: 'use "image", and images[i].data or toBuffer() of the result',
  pt: 'use "image", and images[i].data or toBuffer() of the result',
  png: 'use "image", and images[i].toPNG() of the result',
  jpeg: 'use "image", and images[i].toJPEG() of the result',
  webp: 'use "image", and images[i].toWebP() of the result',
  b64json: 'use "image", and (await images[i].toBuffer()).toString("base64") of the result',
  base64: 'use "image", and (await images[i].toBuffer()).toString("base64") of the result',
};

const AXES: Record<string, string> = {
  xy: 'use "both"',
  true: 'use "both"',
  horizontal: 'use "x"',
  vertical: 'use "y"',
  none: "leave it out",
};

/** ComfyUI_IPAdapter_plus' weight types that are called otherwise here. */
const PRESETS: Record<string, string> = {
  linear: "all attentions count alike by default: leave preset out",
  original: "all attentions count alike by default: leave preset out",
  standard: "all attentions count alike by default: leave preset out",
  styletransfer: 'use "style"',
  styletransfersdxl: 'use "style"',
  compositionsdxl: 'use "composition"',
  strongstyletransfer: 'use "strong-style"',
  styleandcomposition: 'use "style-composition"',
  styletransferprecise: 'use "precise-style"',
  styleprecise: 'use "precise-style"',
  compositionprecise: 'use "precise-composition"',
  ...Object.fromEntries(SCALE_PRESETS.map((name) => [fold(name), `use "${name}"`])),
};

/** How a wrong value of the option is written here; undefined where nobody has it. */
export function valueAlias(option: string, value: unknown): string | undefined {
  if (option === "vaeTiling" && typeof value === "boolean") return `use "${value ? "on" : "off"}"`;
  if (option === "seamless" && typeof value === "boolean") return value ? 'use "both"' : "leave it out";
  if (option === "seed" && typeof value === "number" && value < 0) return "leave seed out for a random one";
  // In the file of a server: `models[0].load.device`.
  if (/(?:^|\.)(?:device|devices\.\w+)$/.test(option)) return deviceAlias(value);
  if (typeof value !== "string" || value.length > 64) return undefined;
  const find = (table: Record<string, string>): string | undefined =>
    Object.hasOwn(table, fold(value)) ? table[fold(value)] : undefined;
  // An option of an entry: `imagePrompts[0].preset`.
  if (/(?:^|\.)preset$/.test(option)) return find(PRESETS);
  switch (option) {
    case "scheduler":
      return scheduler(value);
    case "sigmas":
      return sigmas(value);
    case "dtype":
      return find(DTYPES);
    case "output":
      return find(OUTPUTS);
    case "seamless":
      return find(AXES);
    default:
      return undefined;
  }
}

function scheduler(value: string): string | undefined {
  const alone = spacing(value);
  if (alone !== undefined) return `that is a spacing of the noise levels: use sigmas: "${alone}"`;
  if (["automatic", "auto", "default"].includes(fold(value)))
    return "the model's own is the default: leave scheduler out";
  const name = plain(value);
  const [ending] = SPACING_ENDING.exec(name) ?? [];
  const sampler = samplerOf(name) ?? (ending === undefined ? undefined : samplerOf(name.slice(0, -ending.length)));
  if (sampler === undefined) return absent(ending === undefined ? name : name.slice(0, -ending.length));
  return ending === undefined || samplerOf(name) !== undefined
    ? `use scheduler: "${sampler}"`
    : `use scheduler: "${sampler}", sigmas: "${spacing(ending) ?? ""}"`;
}

function sigmas(value: string): string | undefined {
  const own = spacing(value);
  if (own !== undefined) return `use sigmas: "${own}"`;
  const sampler = samplerOf(plain(value));
  if (sampler !== undefined) return `that is a sampler: use scheduler: "${sampler}"`;
  if (["simple", "automatic", "auto", "default", "leading", "linspace"].includes(fold(value)))
    return "the model's own spacing is the default: leave sigmas out";
  return fold(value) === "trailing" ? 'use sigmas: "sgm_uniform"' : undefined;
}

const absent = (name: string): string | undefined => (Object.hasOwn(ABSENT, name) ? ABSENT[name] : undefined);

const samplerOf = (name: string): SchedulerName | undefined =>
  Object.hasOwn(SAMPLERS, name) ? SAMPLERS[name] : undefined;

const spacing = (name: string): SigmasName | undefined =>
  Object.hasOwn(SPACINGS, fold(name)) ? SPACINGS[fold(name)] : undefined;

function plain(name: string): string {
  return fold(name)
    .replace(/^sample(?=[a-z])/, "")
    .replace(/^k(?=euler|heun|lms|dpm)/, "")
    .replace(/(scheduler|sampler)$/, "")
    .replace(/discrete$/, "")
    .replace(/gpu$/, "")
    .replace("dpmpp", "dpm++")
    .replace("ancestraldiscrete", "a")
    .replace("ancestral", "a");
}
