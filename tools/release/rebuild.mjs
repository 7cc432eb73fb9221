// The same sources give the same bytes: the addons are built once more, from a clone in another folder.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { root } from "../build/paths.mjs";
import { readManifest } from "../build/prebuilt.mjs";
import { findZig } from "../build/zig.mjs";

/** Of what is committed. @returns {string} the folder */
export function cloneInto(folder) {
  const { status, stderr } = spawnSync("git", ["clone", "--quiet", "--no-hardlinks", root, folder], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`git clone: ${stderr}`);
  return folder;
}

/**
 * @param {string} temporary @param {string[]} names of systems
 * @returns {Map<string, "same" | "another">} by file, compared with prebuilds/
 */
export function rebuild(temporary, names) {
  const clone = cloneInto(path.join(temporary, "another folder"));
  const out = path.join(temporary, "rebuilt");
  const build = [process.execPath, "tools/build/prebuild-all.mjs", "--only", names.join(","), "--out", out];
  const env = { ...process.env, IPA_ZIG: findZig().command.join(" ") };
  for (const [command, ...args] of [["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], build]) {
    const { status } = spawnSync(command, args, { cwd: clone, env, stdio: ["ignore", 2, 2] });
    if (status !== 0) throw new Error("the addons do not build in another folder");
  }
  const hashes = new Map(readManifest().files.map(({ file, sha256 }) => [file, sha256]));
  return new Map(
    readManifest(out).files.map(({ file, sha256 }) => [file, hashes.get(file) === sha256 ? "same" : "another"]),
  );
}
