// glibc, on x64 and ARM: Nodes of npm load the addon, here or in qemu, and the C++ tests of ARM run there as well.
import { newestGlibc } from "../../build/elf.mjs";
import { runsElsewhere } from "../elsewhere.mjs";
import { armOnLinux } from "../programs.mjs";

const MOST_GLIBC = 2.28;

/** The majors of Node that a target runs in. One of ARM is enough: what differs is the machine code. */
const NODES = { x64: [20, 22, 24, 26], arm64: [22] };

/** @returns {Promise<import("../checks.mjs").Checked>} */
export async function checkLinux(target, addon, options) {
  const glibc = newestGlibc(addon);
  const failures = Number(glibc.slice(6)) <= MOST_GLIBC ? [] : [`${target.name}: it needs ${glibc}`];
  const host = target.arch === "arm64" ? armOnLinux() : { command: [], env: {}, name: "this machine" };
  const nodes = NODES[target.arch].map((version) => ({ name: `node-linux-${target.arch}`, version }));
  const ran = await runsElsewhere({ target, options, addon, host, nodes, withTests: target.arch === "arm64" });
  return {
    rows: [{ what: "newest symbol of glibc", where: "the file", result: glibc }, ...ran.rows],
    failures: [...failures, ...ran.failures],
  };
}
