/** `node-ip-adapter doctor` */
import { existsSync } from "node:fs";

import type { Command } from "commander";

import { messageOf } from "../errors";
import { loadSharp } from "../image/sharp";
import { findPlugin } from "../native/cuda/plugin";
import { probePlugin } from "../native/cuda/probe";
import { currentPlatform } from "../native/addon/platform";
import { shippedModel } from "../package-root";
import { type DeviceReport, checkDevice, deviceIndex, writeReport } from "./doctor-device";
import type { Environment } from "./environment";
import { errorCode, formatBytes } from "./report";

interface Check {
  name: string;
  ok: boolean;
  value: string;
}

export function addDoctor(program: Command, environment: Environment): void {
  program
    .command("doctor")
    .description("check this installation: addon, instruction set, threads, memory, CUDA, image files, shipped model")
    .option("--device <name>", "cuda or cuda:N: also check that NVIDIA GPU against the CPU, op by op, and time it")
    .option("--quick", "with --device: small sizes alone, some seconds instead of a minute")
    .option("--json", "one JSON object")
    .action(async (flags: DoctorFlags) => runDoctor(flags, environment));
}

interface DoctorFlags {
  device?: string;
  quick?: boolean;
  json?: boolean;
}

async function runDoctor(flags: DoctorFlags, environment: Environment): Promise<void> {
  const index = flags.device === undefined ? undefined : deviceIndex(flags.device);
  const cuda = await checkCuda(environment);
  const checks = [...checkAddon(environment), cuda, await checkSharp(), checkModel()];
  const sound = checks.every((check) => check.ok);
  if (flags.json !== true) for (const check of checks) writeCheck(environment, check);
  let device: DeviceReport | undefined;
  // Who asks for a GPU gets the error of a load where there is none.
  if (index !== undefined && sound) {
    device = await checkDevice(environment, { index, quick: flags.quick === true, json: flags.json === true });
    if (flags.json !== true) writeReport(environment, device);
  }
  const ok = sound && (device?.ok ?? true);
  if (flags.json === true) environment.json({ ok, checks, ...(device !== undefined && { device }) });
  if (!ok) process.exitCode = 1;
}

function writeCheck({ out }: Environment, { ok, name, value }: Check): void {
  out.write(`${ok ? "ok  " : "FAIL"} ${name}: ${value}\n`);
}

function checkAddon(environment: Environment): Check[] {
  const { platform, arch, libc } = currentPlatform();
  const checks: Check[] = [
    {
      name: "platform",
      ok: true,
      value: `${platform}-${arch}${libc === "" ? "" : ` ${libc}`}, Node ${process.version}`,
    },
  ];
  try {
    const { version, isa, isas, cpu, features, cores, threads, memoryTotal, memoryAvailable } = environment
      .addon()
      .system();
    checks.push(
      { name: "addon", ok: true, value: `${version}, ${environment.addonFile()}` },
      { name: "backend", ok: true, value: "cpu" },
      { name: "cpu", ok: true, value: `${cpu}, ${cores} cores` },
      { name: "instruction set", ok: true, value: `${isa} (of ${isas.join(", ")}; found ${features.join(" ")})` },
      { name: "threads", ok: true, value: `${threads}` },
      { name: "memory", ok: true, value: `${formatBytes(memoryAvailable)} available of ${formatBytes(memoryTotal)}` },
    );
  } catch (error) {
    checks.push({ name: "addon", ok: false, value: `${errorCode(error)}: ${messageOf(error)}` });
  }
  return checks;
}

/** Tried anew, whatever came of it before. Not to be installed is no fault. */
async function checkCuda({ addonFile }: Environment): Promise<Check> {
  const found = findPlugin();
  if ("absent" in found) return { name: "cuda", ok: true, value: `not used: ${found.absent}` };
  if ("broken" in found) return { name: "cuda", ok: false, value: messageOf(found.broken) };
  let addon: string;
  try {
    addon = addonFile();
  } catch (error) {
    return { name: "cuda", ok: false, value: messageOf(error) };
  }
  const verdict = await probePlugin(addon, found.file);
  if ("notTried" in verdict) return { name: "cuda", ok: false, value: verdict.notTried };
  if (!verdict.ok) return { name: "cuda", ok: false, value: `${verdict.code ?? ""}: ${verdict.message ?? ""}` };
  const gpus = verdict.devices.map(
    ({ name, major, minor, memoryBytes, problem }, i) =>
      `cuda:${i} ${name} (${major}.${minor}, ${formatBytes(memoryBytes)}${problem === undefined ? "" : `, cannot be used: ${problem}`})`,
  );
  return { name: "cuda", ok: true, value: `${gpus.join("; ")}, CUDA ${verdict.driver ?? ""}, ${found.file}` };
}

async function checkSharp(): Promise<Check> {
  try {
    const { versions } = await loadSharp();
    return { name: "image files", ok: true, value: `sharp ${versions.sharp}, libvips ${versions.vips}` };
  } catch (error) {
    return { name: "image files", ok: false, value: messageOf(error) };
  }
}

function checkModel(): Check {
  try {
    const { model, adapter } = shippedModel();
    const ok = existsSync(adapter);
    return { name: "shipped model", ok, value: ok ? model : `missing ${adapter}` };
  } catch (error) {
    return { name: "shipped model", ok: false, value: messageOf(error) };
  }
}
