// The prebuilt addon of this machine, where it was made of the sources of this checkout.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { addonFile, addonRecord, root } from "./paths.mjs";
import { hashSources } from "./source-hash.cjs";
import { PREBUILT } from "./targets.mjs";

export const prebuildsDir = path.join(root, "prebuilds");
export const sha256 = (file) => createHash("sha256").update(fs.readFileSync(file)).digest("hex");

/** @returns {{ sources: string, files: { file: string, bytes: number, sha256: string }[] } | undefined} */
export function readManifest(folder = prebuildsDir) {
  const file = path.join(folder, "manifest.json");
  return fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, "utf8")) : undefined;
}

/** What prebuilt addons are called after, of this process. */
export function targetHere() {
  const { glibcVersionRuntime } = process.platform === "linux" ? process.report.getReport().header : {};
  const libc = process.platform !== "linux" ? undefined : glibcVersionRuntime === undefined ? "musl" : "glibc";
  return PREBUILT.find(
    (target) => target.platform === process.platform && target.arch === process.arch && target.libc === libc,
  );
}

/** @returns {string | undefined} what is wrong with a system's file, whatever it was made of */
export function fileProblem(target, manifest) {
  const entry = manifest?.files.find(({ file }) => file === target.file);
  if (entry === undefined) return `prebuilds/ has none for ${target.name}`;
  const file = path.join(prebuildsDir, target.file);
  return fs.existsSync(file) && sha256(file) === entry.sha256
    ? undefined
    : `${target.file} is not the file that prebuilds/manifest.json names`;
}

/** @returns {{ file: string } | { reason: string }} `reason`: why there is none that can be used */
export function prebuiltHere() {
  if (process.env.IPA_FROM_SOURCE) return { reason: "IPA_FROM_SOURCE is set" };
  const target = targetHere();
  if (target === undefined) return { reason: `none is made for ${process.platform}-${process.arch}` };
  const manifest = readManifest();
  const problem = fileProblem(target, manifest);
  if (problem !== undefined) return { reason: problem };
  if (manifest.sources !== hashSources(root)) return { reason: "it was made of other sources" };
  const file = path.join(prebuildsDir, target.file);
  const { status, stderr } = spawnSync(process.execPath, ["-e", `require(${JSON.stringify(file)}).system()`], {
    encoding: "utf8",
  });
  if (status === 0) return { file };
  const message = stderr.split("\n").find((line) => line.startsWith("Error: ")) ?? stderr;
  return { reason: `it does not load here: ${message.trim()}` };
}

/** Puts it where a build would, so that all that works with a local build works with it. */
export function takePrebuilt(file) {
  fs.rmSync(addonRecord, { force: true });
  fs.mkdirSync(path.dirname(addonFile), { recursive: true });
  const temporary = `${addonFile}.${process.pid}.tmp`;
  fs.copyFileSync(file, temporary);
  fs.renameSync(temporary, addonFile);
}
