/** `node-ip-adapter doctor --device cuda`: a GPU against the CPU, as a table, and what to report of it. */
import { OptionError } from "../errors";
import { CallSite, startNative } from "../native/call";
import type { Done, NativeCheckLine, NativeGpuCheck } from "../native/contract";
import { prepareCuda } from "../native/cuda/prepare";
import { describe } from "../options/describe";
import { packageVersion } from "../package-root";
import { type PictureCheck, checkPicture } from "./doctor-picture";
import type { Environment } from "./environment";
import { formatBytes } from "./report";

export const ISSUES = "https://github.com/node-ip-adapter/node-ip-adapter/issues";
/** Of those that failed, in the line to report. */
const MOST_NAMED = 4;

export interface DeviceReport {
  ok: boolean;
  /** as options call it: "cuda:0" */
  device: string;
  gpu: NativeGpuCheck;
  /** where `gpu.peak` is from */
  peakFrom: "data sheet" | "not known";
  lines: NativeCheckLine[];
  /** undefined where ops failed so that none can be made */
  picture: PictureCheck | undefined;
  /** one line: that all is right, or what to report where */
  summary: string;
}

/** The number in `cuda:N`. @throws OptionError for any other device */
export function deviceIndex(device: string): number {
  const found = /^cuda(?::(0|[1-9][0-9]{0,2}))?$/.exec(device);
  if (found === null) throw new OptionError("--device", `expected cuda or cuda:N but received ${describe(device)}`);
  return Number(found[1] ?? 0);
}

interface Wish {
  index: number;
  quick: boolean;
  /** whether nothing may be printed on the way */
  json: boolean;
}

/** @throws IpAdapterError where the GPU cannot be used */
export async function checkDevice(environment: Environment, { index, quick, json }: Wish): Promise<DeviceReport> {
  const site = new CallSite();
  const device = `cuda:${index}` as const;
  await prepareCuda(environment.addon, { device }, site, environment.addonFile);
  const lines: NativeCheckLine[] = [];
  if (!json) environment.out.write(`${HEADER}\n`);
  const onLine = (line: NativeCheckLine): void => {
    lines.push(line);
    if (!json) environment.out.write(`${lineText(line)}\n`);
  };
  const addon = environment.addon();
  const gpu = await startNative(site, environment.signal, (done: Done<NativeGpuCheck>) =>
    addon.checkDevice(index, quick, onLine, done),
  ).result;
  const picture = gpu.stopped === undefined ? await checkPicture(environment, device, quick) : undefined;
  const ok = gpu.failed === 0 && picture?.ok === true;
  const report = { ok, device, gpu, peakFrom: gpu.peak > 0 ? "data sheet" : "not known", lines, picture } as const;
  return { ...report, summary: summaryOf(report) };
}

const row = (cells: readonly string[]): string =>
  cells
    .map((cell, i) => (i === 2 || i === 0 ? cell.padEnd(WIDTHS[i] ?? 0) : cell.padStart(WIDTHS[i] ?? 0)))
    .join("  ")
    .trimEnd();
const WIDTHS = [20, 4, 60, 10, 8, 11, 13, 5];
const HEADER = row(["     op", "type", "size", "difference", "allowed", "time", "speed", "of"]);

function lineText(line: NativeCheckLine): string {
  const { ok, op, type, size, difference, allowed, seconds, problem } = line;
  const cells = [
    `${ok ? "ok  " : "FAIL"} ${op}`,
    type,
    size,
    Number.isFinite(difference) ? difference.toExponential(1) : "no number",
    allowed.toExponential(1),
    seconds > 0 ? `${(seconds * 1e3).toFixed(3)} ms` : "",
    speedText(line),
    line.ofPeak > 0 ? `${(line.ofPeak * 100).toFixed(0)} %` : "",
  ];
  return row(cells) + (problem === undefined ? "" : `\n     ${problem}`);
}

function speedText({ flops, bytes }: NativeCheckLine): string {
  if (flops > 0) return `${(flops / 1e12).toFixed(flops < 1e12 ? 4 : 1)} TFLOP/s`;
  return bytes > 0 ? `${(bytes / 1e9).toFixed(bytes < 1e10 ? 2 : 0)} GB/s` : "";
}

const gpuText = (
  device: string,
  { name, major, minor, multiprocessors, memoryBytes, driver }: NativeGpuCheck,
): string =>
  `${device} ${name} (compute capability ${major}.${minor}, ${multiprocessors} multiprocessors, ${formatBytes(memoryBytes)}, CUDA ${driver})`;

function pictureText({ latents, allowedLatents, psnr, leastPsnr, problem }: PictureCheck): string {
  if (problem !== undefined) return problem;
  const allowed = `allowed ${allowedLatents.toExponential(1)}`;
  return `latents differ by ${latents.toExponential(1)} (${allowed}), picture ${psnr.toFixed(1)} dB (at least ${leastPsnr})`;
}

export function writeReport({ out }: Environment, { device, gpu, picture, summary, ok }: DeviceReport): void {
  if (picture !== undefined) {
    const verdict = picture.ok ? "ok  " : "FAIL";
    out.write(`${verdict} picture of the shipped model, ${picture.dtype}: ${pictureText(picture)}\n`);
  }
  const peak =
    gpu.peak > 0 ? `${(gpu.peak / 1e12).toFixed(0)} TFLOP/s by its data sheet` : "not known, as it is not in our table";
  out.write(`     ${gpuText(device, gpu)}\n`);
  out.write(
    `     peak of products in 16 bits: ${peak}; a copy within its memory: ${(gpu.bandwidth / 1e9).toFixed(0)} GB/s, measured\n`,
  );
  out.write(`${ok ? "ok  " : "FAIL"} ${device}: ${summary}\n`);
}

function summaryOf({ device, gpu, lines, picture, ok }: Omit<DeviceReport, "summary">): string {
  if (ok) return `all right: ${gpu.checks} checks of its ops, and a picture`;
  const failed = lines.filter((line) => !line.ok);
  const ops = [...new Set(failed.map(({ op }) => op))];
  const found = [
    ...(failed.length > 0 ? [`${failed.length} of ${gpu.checks} checks fail, of ${ops.join(", ")}`] : []),
    ...failed.slice(0, MOST_NAMED).map(({ op, type, size, problem = "" }) => `${op} ${type} ${size} ${problem}`),
    ...(gpu.stopped === undefined ? [] : [`stopped: ${gpu.stopped}`]),
    ...(picture === undefined || picture.ok ? [] : [`picture: ${pictureText(picture)}`]),
  ];
  return `do not use it; report this line at ${ISSUES}: node-ip-adapter ${packageVersion()}, ${gpuText(device, gpu)}: ${found.join("; ")}`;
}
