// The systems that prebuilt addons are made for, and how zig compiles for each: one machine builds them all.

/** Oldest systems that are asked for: glibc 2.28 is that of RHEL 8 and Debian 10; macOS 11 is the first on ARM. */
const GLIBC = "2.28";
const MACOS = "11.0";

/**
 * @typedef {{ name: string, platform: string, arch: "x64" | "arm64", libc?: "glibc" | "musl", triple: string, file: string }} Target
 * `platform` and `arch` as Node calls them; `libc` of Linux; `file`: within prebuilds/, with prebuildify's names
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
    libc,
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

/**
 * Of every file. Compilers that are not at hand are no less strict, so a warning of this one is an error. zig checks for undefined
 * behaviour below -O2 unless it is told not to.
 */
export const compileFlagsOf = ({ platform }) => [
  "-std=c++17",
  "-Werror",
  "-g0",
  "-fno-sanitize=undefined",
  // What nothing calls is left out by the linker: a tenth of the addon.
  "-ffunction-sections",
  "-fdata-sections",
  ...(platform === "win32" ? [] : ["-fPIC", "-pthread"]),
];

/** Where a build for this machine takes -O1, to be quick; these are packed, all of them, into each package. */
export const smaller = (optimisation) => (optimisation === "-O1" ? "-Os" : optimisation);

/** Of the addon. */
export function addonLinkFlagsOf({ platform }) {
  if (platform === "darwin") {
    // Else the file holds the path that it is linked under.
    const name = "-Wl,-install_name,@rpath/node_ip_adapter.node";
    // -s leaves out what debuggers read; -x also the names of local functions, a quarter of the file.
    return ["-shared", "-undefined", "dynamic_lookup", name, "-Wl,-dead_strip", "-s", "-Wl,-x"];
  }
  if (platform === "win32") return ["-shared", "-Wl,--gc-sections", "-s"];
  // Engine threads may still run while a process exits: the code must stay mapped.
  return ["-shared", "-pthread", "-Wl,-z,nodelete", "-Wl,--gc-sections", "-s", "-ldl"];
}

/** Of the C++ tests. A musl program that is static runs on any Linux. */
export function programLinkFlagsOf({ platform, libc }) {
  if (platform === "linux") return ["-pthread", ...(libc === "musl" ? ["-static"] : ["-ldl"])];
  return [];
}
