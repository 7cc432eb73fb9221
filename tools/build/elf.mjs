// What a library on Linux asks of a system, and what it offers.
import { execFileSync } from "node:child_process";
import fs from "node:fs";

/** Newest GLIBC_x.y among the symbol versions that an ELF file needs; it stores their names as plain text. */
export function newestGlibc(file) {
  const versions = fs.readFileSync(file, "latin1").match(/GLIBC_\d+(\.\d+)+/g) ?? [];
  const rank = (name) =>
    name
      .slice(6)
      .split(".")
      .reduce((sum, part, i) => sum + Number(part) / 1000 ** i, 0);
  return versions.sort((a, b) => rank(a) - rank(b)).at(-1) ?? "none";
}

const lines = (command, ...args) => execFileSync(command, args, { encoding: "utf8" }).trim().split("\n");

/** The libraries that it names, as `ldd` finds them. */
export const librariesOf = (file) => lines("ldd", file).map((line) => line.trim());

/** Names of the symbols that others can link to. */
export const exportsOf = (file) =>
  lines("nm", "--dynamic", "--defined-only", file)
    .map((line) => line.split(" ").at(-1).split("@")[0])
    .filter((name) => name !== "");

export const hasSearchPath = (file) =>
  lines("readelf", "--dynamic", file).some((line) => /\((RPATH|RUNPATH)\)/.test(line));
