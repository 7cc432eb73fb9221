// Makes compiled and linked files, only those out of date: a product is fresh when its command is the same as last time and none of
// the files it was made from is newer. Products are written beside their place and renamed, so that a running process
// keeps the file it has mapped, and two builds at once do not see half-written files.
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { root } from "./paths.mjs";

const mtime = (file) => fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Infinity;

/** Prerequisites of a make rule as gcc and clang write it (-MMD): `out: a b \` and so on, blanks as `\ `. */
export function parseDepfile(text) {
  const rule = text.replace(/\\\r?\n/g, " ");
  const list = rule.slice(rule.indexOf(": ") + 1).trim();
  return list === "" ? [] : list.split(/(?<!\\)\s+/).map((file) => file.replace(/\\(.)/g, "$1").replace(/\$\$/g, "$"));
}

function isFresh(step) {
  const made = fs.statSync(step.output, { throwIfNoEntry: false });
  if (!made || !fs.existsSync(step.record)) return false;
  const { command, inputs } = JSON.parse(fs.readFileSync(step.record, "utf8"));
  return command === commandKey(step) && inputs.every((file) => mtime(path.resolve(root, file)) <= made.mtimeMs);
}

const commandKey = (step) => step.command("OUT").join("\0");

async function make(step) {
  fs.mkdirSync(path.dirname(step.output), { recursive: true });
  const temporary = step.temporary ?? `${step.output}.${process.pid}.tmp`;
  fs.mkdirSync(path.dirname(temporary), { recursive: true });
  const started = new Date();
  const [program, ...args] = step.command(temporary);
  try {
    const { code, output } = await run(program, args);
    const said = step.report === undefined || code !== 0 ? output : setReportAside(output, step.report);
    if (said) process.stderr.write(said);
    if (code !== 0) throw new Error(`${step.label} failed (${program} exit code ${code})`);
    const depfile = `${temporary}.d`;
    const inputs = step.inputs ?? parseDepfile(fs.readFileSync(depfile, "utf8"));
    fs.rmSync(depfile, { force: true });
    // Dated from the start: a source saved while it was being compiled counts as newer.
    fs.utimesSync(temporary, started, started);
    fs.renameSync(temporary, step.output);
    fs.writeFileSync(step.record, JSON.stringify({ command: commandKey(step), inputs }));
  } finally {
    fs.rmSync(temporary, { force: true });
    fs.rmSync(`${temporary}.d`, { force: true });
  }
}

/**
 * The step that compiles a source with a compiler of the gcc family, which writes what it read beside the product.
 * @param {string[]} command compiler and flags @param {string} source as the compiler is told
 * @param {{ label?: string, depends?: string }} options `depends`: -MD where headers of the system count too
 */
export function compileStep(command, source, output, { label = source, depends = "-MMD" } = {}) {
  const whole = (out) => [...command, depends, "-MF", `${out}.d`, "-c", source, "-o", out];
  return { label, output, record: `${output}.json`, command: whole };
}

/** @returns what is left for the terminal */
function setReportAside(output, { file, lines }) {
  const all = output.split(/(?<=\n)/);
  fs.writeFileSync(file, all.filter((line) => lines.test(line)).join(""));
  return all.filter((line) => !lines.test(line)).join("");
}

function run(program, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    const chunks = [];
    child.stdout.on("data", (chunk) => chunks.push(chunk));
    child.stderr.on("data", (chunk) => chunks.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output: Buffer.concat(chunks).toString() }));
  });
}

/**
 * Brings every step up to date, `jobs` at a time; on failure the others finish and the first error is thrown.
 * @param {{ label: string, output: string, record: string, inputs?: string[], report?: { file: string, lines: RegExp },
 *   temporary?: string, command: (output: string) => string[] }[]} steps
 *   `inputs`: what the product depends on; left out, the compiler's depfile `<output>.d` says.
 *   `temporary`: where it is made, for linkers that write the name into the file.
 *   `report`: these lines of what the compiler says go to a file, and the others to the terminal
 * @returns {Promise<number>} how many were made
 */
export async function update(steps, jobs) {
  const due = steps.filter((step) => !isFresh(step));
  const errors = [];
  let next = 0;
  const worker = async () => {
    while (next < due.length && errors.length === 0) {
      const number = ++next;
      const step = due[number - 1];
      console.log(`[${number}/${due.length}] ${step.label}`);
      await make(step).catch((error) => errors.push(error));
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, jobs) }, worker));
  if (errors.length > 0) throw errors[0];
  return due.length;
}
