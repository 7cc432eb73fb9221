/** `node-ip-adapter doctor` */
import type { Command } from "commander";

import { type DeviceReport, checkDevice, deviceIndex, writeReport } from "./doctor-device";
import { type Check, checkSystem } from "./doctor-system";
import { type SelfTestReport, runSelfTest } from "./doctor-self-test";
import { estimateTimes } from "./doctor-times";
import type { Environment } from "./environment";
import type { NativePictureTime } from "../native/contract";

export function addDoctor(program: Command, environment: Environment): void {
  program
    .command("doctor")
    .description(
      "what a bug report needs of this machine and installation, a test of every kernel in use, and how long pictures would take",
    )
    .option(
      "--device <name>",
      "cuda or cuda:N: also check that NVIDIA GPU against the CPU, op by op, and time it, in place of the times of pictures",
    )
    .option("--quick", "no times of pictures; with --device small sizes alone, some seconds instead of a minute")
    .option("--json", "one JSON object")
    .action(async (flags: DoctorFlags) => runDoctor(flags, environment));
}

interface DoctorFlags {
  device?: string;
  quick?: boolean;
  json?: boolean;
}

interface Findings {
  ok: boolean;
  checks: Check[];
  /** absent where there is no addon */
  selfTest?: SelfTestReport;
  times?: NativePictureTime[];
  device?: DeviceReport;
}

async function runDoctor(flags: DoctorFlags, environment: Environment): Promise<void> {
  const index = flags.device === undefined ? undefined : deviceIndex(flags.device);
  const [json, quick] = [flags.json === true, flags.quick === true];
  const { checks, hasAddon } = await checkSystem(environment);
  const findings: Findings = { ok: checks.every((check) => check.ok), checks };
  // What is known stands there before anything runs that might crash.
  if (!json) for (const check of checks) writeCheck(environment, check);
  if (hasAddon) {
    findings.selfTest = await runSelfTest(environment, json);
    findings.ok &&= findings.selfTest.ok;
    // They are the CPU's.
    if (!quick && index === undefined) findings.times = await estimateTimes(environment, json);
  }
  // Who asks for a GPU gets the error of a load where there is none.
  if (index !== undefined && findings.ok) {
    findings.device = await checkDevice(environment, { index, quick, json });
    findings.ok &&= findings.device.ok;
    if (!json) writeReport(environment, findings.device);
  }
  if (json) environment.json(findings);
  if (!findings.ok) process.exitCode = 1;
}

function writeCheck({ out }: Environment, { ok, name, value }: Check): void {
  out.write(`${ok ? "ok  " : "FAIL"} ${name}: ${value}\n`);
}
