// macOS: nothing of it runs here. Its headers say what system it needs, that it is signed, and what it leaves to the program; its code, which
// instructions it holds.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { needProgram } from "../programs.mjs";

const MAGIC_64 = 0xfeedfacf;
const CPUS = { x64: 0x01000007, arm64: 0x0100000c };
const LC_LOAD_DYLIB = 0xc;
const LC_CODE_SIGNATURE = 0x1d;
const LC_BUILD_VERSION = 0x32;
const LC_VERSION_MIN_MACOSX = 0x24;
const MINIMUM = "11.0";
/** Of each, an instruction that only kernels for it have. */
const INSTRUCTIONS = {
  arm64: { neon: /\bfmla\b/, neon_dot: /\bsdot\b/, neon_bf16: /\bbfdot\b|\bbfmmla\b/ },
  x64: {
    avx2: /\bvfmadd\w+\s.*%ymm/,
    avx512: /\bvfmadd\w+\s.*%zmm/,
    avx512_vnni: /\bvpdpbusd\s.*%zmm/,
    avx512_bf16: /\bvdpbf16ps\b/,
    amx: /\btdpbf16ps\b/,
  },
};

/** @returns {Promise<import("../checks.mjs").Checked>} */
export async function checkDarwin(target, file) {
  const head = readMachO(file);
  const failures = [];
  const expect = (holds, message) => holds || failures.push(`${target.name}: ${message}`);
  expect(head.cpu === CPUS[target.arch], `it is for processor ${head.cpu.toString(16)}`);
  expect(head.minimum === MINIMUM, `it asks for macOS ${head.minimum}`);
  expect(head.signed || target.arch === "x64", "it has no signature, without which ARM runs nothing");
  const foreign = head.libraries.filter((name) => !/^\/usr\/lib\/(libSystem|libc\+\+)/.test(name));
  expect(foreign.length === 0, `it needs ${foreign.join(", ")}`);
  const lacking = missingInstructions(target, file);
  expect(lacking.length === 0, `it has no instruction of ${lacking.join(", ")}`);
  const sets = Object.keys(INSTRUCTIONS[target.arch]).join(", ");
  const signature = head.signed ? "signed ad hoc" : "unsigned";
  return {
    rows: [
      {
        what: "headers",
        where: "the file",
        result: `macOS ${head.minimum}, ${signature}, needs ${head.libraries.join(", ")}`,
      },
      {
        what: "disassembly",
        where: "the file",
        result: lacking.length === 0 ? `has ${sets}` : `lacks ${lacking.join(", ")}`,
      },
      { what: "a user's calls", where: "nowhere", result: "built, never run" },
    ],
    failures,
  };
}

/** @returns {{ cpu: number, minimum: string, signed: boolean, libraries: string[] }} */
function readMachO(file) {
  const bytes = fs.readFileSync(file);
  if (bytes.readUInt32LE(0) !== MAGIC_64) throw new Error(`${file} is no Mach-O file`);
  const head = { cpu: bytes.readUInt32LE(4), minimum: "", signed: false, libraries: [] };
  let at = 32;
  for (let left = bytes.readUInt32LE(16); left > 0; left--) {
    const [command, size] = [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)];
    if (command === LC_BUILD_VERSION) head.minimum = versionOf(bytes.readUInt32LE(at + 12));
    if (command === LC_VERSION_MIN_MACOSX) head.minimum = versionOf(bytes.readUInt32LE(at + 8));
    if (command === LC_CODE_SIGNATURE) head.signed = true;
    if (command === LC_LOAD_DYLIB) {
      const name = at + bytes.readUInt32LE(at + 8);
      head.libraries.push(bytes.toString("latin1", name, bytes.indexOf(0, name)));
    }
    at += size;
  }
  return head;
}

const versionOf = (number) => `${number >>> 16}.${(number >>> 8) & 0xff}`;

function missingInstructions(target, file) {
  needProgram("llvm-objdump-14", "llvm-14");
  const code = execFileSync("llvm-objdump-14", ["-d", "--no-show-raw-insn", "--mattr=+bf16,+dotprod", file], {
    encoding: "latin1",
    maxBuffer: 2 ** 30,
  });
  return Object.entries(INSTRUCTIONS[target.arch])
    .filter(([, pattern]) => !pattern.test(code))
    .map(([name]) => name);
}
