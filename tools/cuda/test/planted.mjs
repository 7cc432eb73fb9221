// Programs of the native tests with one bug planted: a text of one source is replaced in a copy, what depends on that file is compiled
// from the copy as the build compiled it (its records beside the objects say how), and linked with all other objects of the build.
import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { buildDir, checkedTestsFile, root, testsFile } from "../../build/paths.mjs";

/**
 * @typedef {{
 *   name: string, file: string, from: string, to: string, bug: string, tests: string[], device?: string,
 * }} Mutant `from`: a text that `file` has once, which becomes `to`; `bug`: what is then wrong; `tests`: who is to see it;
 *   `device`: what these run on, where they are no tests of kernels
 */

const run = promisify(execFile);
const objectsDir = path.join(buildDir, "objects");
const mutantsDir = path.join(buildDir, "mutants");

/** What the build did to make a product: its command, with OUT for what it writes, and what it read. */
function readRecord(file) {
  const { command, inputs } = JSON.parse(fs.readFileSync(path.join(root, `${file}.json`), "utf8"));
  return { command: command.split("\0"), inputs };
}

/** The source of a mutant with its bug. Throws where its text is not there, or not once. */
export function plantedSource({ name, file, from, to }) {
  const parts = fs.readFileSync(path.join(root, file), "utf8").split(from);
  if (parts.length !== 2)
    throw new Error(`${name}: ${file} has its text ${parts.length - 1} times, not once:\n${from}`);
  return parts.join(to);
}

async function compileOrLink([program, ...args], what) {
  await run(program, args, { cwd: root, maxBuffer: 1 << 26 }).catch((error) => {
    throw new Error(`${what} is not built:\n${error.stderr || error.message}`);
  });
}

const writingTo = (command, out) =>
  command.map((word) => (word === "OUT" ? out : word === "OUT.d" ? `${out}.d` : word));

/** Where the build's includes begin, the copy's folders come first. */
function reading(command, folder, file) {
  const first = command.findIndex((word) => word.startsWith("-I"));
  const copies = [`-I${folder}`, `-I${folder}/native`];
  return [...command.slice(0, first), ...copies, ...command.slice(first)].map((word) =>
    word === file ? `${folder}/${file}` : word,
  );
}

/** A mutant in a folder of its own, which forget() removes. */
export class Planted {
  /** @param {Mutant} mutant */
  constructor(mutant) {
    this.mutant = mutant;
    this.folder = path.relative(root, path.join(mutantsDir, mutant.name));
    const copy = path.join(root, this.folder, mutant.file);
    fs.mkdirSync(path.dirname(copy), { recursive: true });
    fs.writeFileSync(copy, plantedSource(mutant));
  }

  /** @param {boolean} checked @returns {Promise<string>} the file of the program */
  async build(checked) {
    const { name, file } = this.mutant;
    const product = path.basename(checked ? checkedTestsFile : testsFile);
    const link = readRecord(path.relative(root, path.join(objectsDir, product)));
    const replaced = new Map();
    for (const object of link.inputs) {
      const { command, inputs } = readRecord(object);
      if (!inputs.includes(file)) continue;
      const out = `${this.folder}/${path.basename(object)}`;
      await compileOrLink(writingTo(reading(command, this.folder, file), out), `${name}: ${object}`);
      replaced.set(object, out);
    }
    if (replaced.size === 0) throw new Error(`${name}: nothing of ${product} is made of ${file}`);
    const out = `${this.folder}/${product}`;
    const command = link.command.map((word) => replaced.get(word) ?? word);
    await compileOrLink(writingTo(command, out), `${name}: ${product}`);
    return path.join(root, out);
  }

  forget() {
    fs.rmSync(path.join(root, this.folder), { recursive: true, force: true });
  }
}
