// Joins the sources of a room into units: one file that includes some of them, so that what they all include is read and
// compiled once (a "unity build"). It takes less than half the time. Names in unnamed namespaces are therefore
// unique within a room. node-gyp and CMake compile each file alone, so every file still includes what it needs.
import fs from "node:fs";
import path from "node:path";
import { root } from "./paths.mjs";

/** Bytes of source in a unit: large enough to save time, small enough to be compiled again after a change in one file. */
const UNIT_BYTES = 110_000;

/** Kernels take long each, and choose their instructions by pragmas for a whole file. */
const standsAlone = (source) => path.basename(source).startsWith("kernels_");

/** Where loops run over numbers. */
const NUMBERS = /^native\/(cpu|image|schedulers|weights\/(changes|write|formats\/gguf))(\/|$)|^native\/weights$/;
/** Where loops run over characters, at every load. */
const TEXT = /^native\/base$/;

const folderOf = (source) => path.relative(root, path.dirname(source)).split(path.sep).join("/");

/**
 * -O3 pays for numbers, -O2 for text. The rest names and steers, once per load, call or step: -O1 compiles it in two thirds of the time.
 * Bits do not depend on it: no level may reorder floating-point arithmetic.
 */
const optimisationOf = (source) =>
  NUMBERS.test(folderOf(source)) ? "-O3" : TEXT.test(folderOf(source)) ? "-O2" : "-O1";

/** What may be joined: files of a room, native/X, that are compiled alike; of a format's reader, which names its steps as others do, its own. */
function groupOf(source) {
  const parts = folderOf(source).split("/");
  return parts.slice(0, parts.includes("formats") ? parts.length : 2).join("_") + optimisationOf(source);
}

const bytesOf = (sources) => sources.reduce((sum, source) => sum + fs.statSync(source).size, 0);

/** Parts of about the same size, in order. */
function cut(sources) {
  const total = bytesOf(sources);
  const most = total / Math.ceil(total / UNIT_BYTES);
  const parts = [];
  let bytes = 0;
  for (const source of sources) {
    if (bytes >= most * parts.length) parts.push([]);
    parts.at(-1).push(source);
    bytes += bytesOf([source]);
  }
  return parts;
}

/** Writes only what has changed, so that a unit is as old as its list of files. */
function writeUnit(file, sources) {
  const text = sources.map((source) => `#include "${path.relative(root, source)}"\n`).join("");
  if (fs.existsSync(file) && fs.readFileSync(file, "utf8") === text) return;
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
}

/**
 * @param {string[]} sources absolute paths
 * @param {string} folder where units are written
 * @param {{ alone?: boolean }} options `alone`: nothing is joined
 * @returns {{ file: string, optimisation: string, bytes: number }[]} what to compile in their place, and the bytes of source in it
 */
export function joinSources(sources, folder, { alone = false } = {}) {
  const groups = new Map();
  for (const source of sources) {
    const group = alone || standsAlone(source) ? source : groupOf(source);
    groups.set(group, [...(groups.get(group) ?? []), source]);
  }
  return [...groups].flatMap(([group, members]) =>
    cut(members).map((part, index) => {
      const file = part.length === 1 ? part[0] : path.join(folder, `${group}-${index + 1}.cc`);
      if (part.length > 1) writeUnit(file, part);
      return { file, optimisation: optimisationOf(part[0]), bytes: bytesOf(part) };
    }),
  );
}
