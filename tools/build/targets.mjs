// The systems that prebuilt addons are made for, and how zig compiles for each: one machine builds them all.
import path from "node:path";
import { packageDir } from "./paths.mjs";

/** Oldest systems that are asked for: glibc 2.28 is that of RHEL 8 and Debian 10; macOS 11 is the first on ARM. */
const GLIBC = "2.28";
const MACOS = "11.0";

/**
 * @typedef {{ name: string, platform: string, arch: "x64" | "arm64", triple: string, file: string }} Target
 * `platform` and `arch` as Node calls them; `file`: within prebuilds/, with prebuildify's names
 */

/** @returns {Target} */
function target(platform, arch, { libc } = {}) {
  const cpu = arch === "x64" ? "x86_64" : "aarch64";
  const system = {
    linux: libc === "musl" ? "linux-musl" : `linux-gnu.${GLIBC}`,
    win32: "windows-gnu",
    darwin: `macos.${MACOS}`,
  }[platform];
  const tag = libc === undefined ? "" : `.${libc}`;
  return {
    name: `${platform}-${arch}${libc === "musl" ? "-musl" : ""}`,
    platform,
    arch,
    triple: `${cpu}-${system}`,
    file: `${platform}-${arch}/node-ip-adapter${tag}.node`,
  };
}

/** @type {Target[]} */
export const PREBUILT = [
  target("linux", "x64", { libc: "glibc" }),
  target("linux", "arm64", { libc: "glibc" }),
  target("linux", "x64", { libc: "musl" }),
  target("linux", "arm64", { libc: "musl" }),
  target("win32", "x64"),
  target("win32", "arm64"),
  target("darwin", "arm64"),
  target("darwin", "x64"),
];

/** Of every file. zig checks for undefined behaviour below -O2 unless it is told not to. */
export const compileFlagsOf = ({ platform }) => [
  "-std=c++17",
  "-g0",
  "-fno-sanitize=undefined",
  ...(platform === "win32" ? [] : ["-fPIC", "-pthread"]),
];

/** Of the addon. @param {string} importLibrary of node.exe, where Windows needs one */
export function linkFlagsOf({ platform }, importLibrary) {
  if (platform === "darwin") return ["-shared", "-undefined", "dynamic_lookup", "-s"];
  if (platform === "win32") return ["-shared", "-s", importLibrary];
  // Engine threads may still run while a process exits: the code must stay mapped.
  return ["-shared", "-pthread", "-Wl,-z,nodelete", "-s", "-ldl"];
}

/** What makes the import library of node.exe, by which an addon finds the functions of Node-API. */
export function importLibraryCommand(zig, { arch }, output) {
  const definitions = path.join(packageDir("node-api-headers"), "def/node_api.def");
  const machine = arch === "x64" ? "i386:x86-64" : "arm64";
  return [...zig, "dlltool", "-m", machine, "-D", "node.exe", "-d", definitions, "-l", output];
}
