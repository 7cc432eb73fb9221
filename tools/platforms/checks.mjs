// Which checks each system has.
import fs from "node:fs";
import path from "node:path";
import { PREBUILT } from "../build/targets.mjs";
import { checkDarwin } from "./systems/darwin.mjs";
import { checkLinux } from "./systems/linux.mjs";
import { checkMusl } from "./systems/musl.mjs";
import { checkWindows } from "./systems/windows.mjs";

/**
 * @typedef {{ rows: { what: string, where: string, result: string }[], failures: string[] }} Checked
 * @typedef {{ prebuilds: string, quick: boolean }} Options `prebuilds`: their folder; `quick`: without the C++ tests
 */

/** @type {Record<string, (target: import("../build/targets.mjs").Target, addon: string, options: Options) => Promise<Checked>>} */
const CHECKS = {
  "linux-x64": checkLinux,
  "linux-arm64": checkLinux,
  "linux-x64-musl": checkMusl,
  "linux-arm64-musl": checkMusl,
  "win32-x64": checkWindows,
  "win32-arm64": checkWindows,
  "darwin-arm64": checkDarwin,
  "darwin-x64": checkDarwin,
};

async function check(target, options) {
  const addon = path.join(options.prebuilds, target.file);
  if (!fs.existsSync(addon)) throw new Error(`${addon} is missing: npm run prebuild:all`);
  return CHECKS[target.name](target, addon, options);
}

export const SYSTEMS = Object.keys(CHECKS);

/** @param {string[]} names of systems @param {Options} options @returns {Promise<Map<string, Checked>>} by system */
export async function checkPlatforms(names, options) {
  const checked = new Map();
  for (const target of PREBUILT.filter(({ name }) => names.includes(name))) {
    console.error(`${target.name} ...`);
    checked.set(
      target.name,
      await check(target, options).catch((error) => ({ rows: [], failures: [`${target.name}: ${error.message}`] })),
    );
  }
  return checked;
}
