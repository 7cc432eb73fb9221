/** `doctor`: every kernel of the instruction set in use against references, as a table, and what to report. */
import { CallSite, startNative } from "../native/call";
import type { Done, NativeSelfTest, NativeSelfTestLine } from "../native/contract";
import { ISSUES } from "./doctor-device";
import type { Environment } from "./environment";

export interface SelfTestReport extends NativeSelfTest {
  ok: boolean;
  lines: NativeSelfTestLine[];
}

/** @param json whether nothing may be printed on the way */
export async function runSelfTest(environment: Environment, json: boolean): Promise<SelfTestReport> {
  const lines: NativeSelfTestLine[] = [];
  const write = (text: string): void => {
    if (!json) environment.out.write(`${text}\n`);
  };
  write(row(["     op or kernel", "type", "cases", "error", "limit"]));
  const onLine = (line: NativeSelfTestLine): void => {
    lines.push(line);
    write(lineText(line));
  };
  const addon = environment.addon();
  const result = await startNative(new CallSite(), environment.signal, (done: Done<NativeSelfTest>) =>
    addon.selfTest(onLine, done),
  ).result;
  const ok = result.failed === 0;
  write(`${ok ? "ok  " : "FAIL"} self-test: ${summaryOf(result, addon.system().isas)}`);
  return { ok, ...result, lines };
}

const WIDTHS = [31, 12, 5, 9, 8];
const row = (cells: readonly string[]): string =>
  cells.map((cell, i) => (i < 2 ? cell.padEnd(WIDTHS[i] ?? 0) : cell.padStart(WIDTHS[i] ?? 0))).join("  ");

function lineText({ ok, name, type, cases, error, limit, kernels, problem }: NativeSelfTestLine): string {
  const text = row([`${ok ? "ok  " : "FAIL"} ${name}`, type, `${cases}`, numberText(error), numberText(limit)]);
  return problem === undefined ? text : `${text}\n     ${problem}, by ${kernels.join(", ") || "no kernel"}`;
}

function numberText(value: number): string {
  if (!Number.isFinite(value)) return "no number";
  return value === 0 ? "0" : value.toExponential(1);
}

function summaryOf({ isa, cases, failed, suspects, seconds }: NativeSelfTest, isas: readonly string[]): string {
  if (failed === 0) return `${cases} cases of the kernels of ${isa} are right (${seconds.toFixed(1)} s)`;
  const others = isas.filter((name) => name !== isa);
  return [
    `${failed} ${failed === 1 ? "line fails" : "lines fail"} on ${isa}`,
    suspects.length === 0 ? "" : `, by the kernels ${suspects.join(", ")}`,
    `: report all of this at ${ISSUES}`,
    others.length === 0
      ? ""
      : `; until then another instruction set may do, such as NODE_IP_ADAPTER_ISA=${others.at(-1)}`,
  ].join("");
}
