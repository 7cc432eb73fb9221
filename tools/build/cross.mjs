// Builds for another system, with zig: the addon, and the C++ tests.
import path from "node:path";
import { compileStep, update } from "./incremental.mjs";
import { writeNodeFunctions } from "./node-functions.mjs";
import { buildDir, packageDir, root } from "./paths.mjs";
import { readSources } from "./sources.mjs";
import { addonLinkFlagsOf, compileFlagsOf, programLinkFlagsOf, smaller } from "./targets.mjs";
import { joinSources } from "./units.mjs";

export const NAPI_VERSION = 9;

/** The compiler runs in the root: no path of this machine ends up in a binary. */
const relative = (file) => path.relative(root, file).split(path.sep).join("/");
const includes = (folders) => folders.map((folder) => `-I${relative(folder)}`);

/** What is made for one target. Objects and products lie in build/prebuilt/<target>/. */
export class CrossBuild {
  #target;
  #compiler;
  #jobs;
  #folder;
  #units;
  #sources;

  /** @param {import("./targets.mjs").Target} target @param {{ command: string[] }} zig */
  constructor(target, zig, jobs) {
    this.#target = target;
    this.#compiler = [...zig.command, "c++", "-target", target.triple];
    this.#jobs = jobs;
    this.#folder = path.join(buildDir, "prebuilt", target.name);
    this.#units = path.join(buildDir, "prebuilt", "units", target.arch);
    this.#sources = readSources(target.arch);
  }

  /** @returns {Promise<string>} the file */
  async addon() {
    const { core, addon, windowsAddon, addonDefines } = this.#sources;
    const windows = this.#target.platform === "win32";
    if (windows) writeNodeFunctions(NAPI_VERSION, this.#units);
    const flags = [
      ...includes([path.join(packageDir("node-api-headers"), "include"), packageDir("node-addon-api")]),
      ...(windows ? includes([this.#units]) : []),
      ...addonDefines.map((define) => `-D${define}`),
    ];
    // Apart: units are of an architecture, for all its systems.
    const binding = [addon, windows ? windowsAddon : []].flatMap((files) => this.#join(files, flags));
    return this.#link("node_ip_adapter.node", [...this.#join(core, []), ...binding], addonLinkFlagsOf(this.#target));
  }

  /** Those of the CPU. @returns {Promise<string>} the program */
  async tests() {
    const tests = this.#sources.tests.map((file) => this.#compile({ file, optimisation: "-O1" }, []));
    const name = this.#target.platform === "win32" ? "native_tests.exe" : "native_tests";
    const steps = [...this.#join(this.#sources.core, []), ...tests];
    return this.#link(name, steps, programLinkFlagsOf(this.#target));
  }

  #join(files, flags) {
    return joinSources(files, this.#units).map((unit) => this.#compile(unit, flags));
  }

  #compile({ file, optimisation }, flags) {
    const { cflags, includeDirs } = this.#sources;
    const all = [
      ...compileFlagsOf(this.#target),
      ...cflags,
      "-I.",
      ...includes(includeDirs),
      ...flags,
      smaller(optimisation),
    ];
    const output = path.join(this.#folder, "objects", `${relative(file)}.o`);
    const label = `${this.#target.name} ${relative(file)}`;
    return compileStep([...this.#compiler, ...all], relative(file), output, { label });
  }

  async #link(name, objects, flags) {
    await update(objects, this.#jobs);
    const output = path.join(this.#folder, name);
    const inputs = objects.map((step) => relative(step.output));
    const command = (out) => [...this.#compiler, ...inputs, ...flags, "-o", relative(out)];
    // On Windows the file holds the name that it is linked under.
    const temporary = path.join(this.#folder, "linking", name);
    await update([{ label: relative(output), output, temporary, record: `${output}.json`, inputs, command }], 1);
    return output;
  }
}
