import type Sharp from "sharp";

import { InstallError, messageOf, systemCode } from "../errors";
import { loadPackage } from "../load-failure";

export type SharpModule = typeof Sharp;

/**
 * sharp, loaded at first need: raw pixels and embeddings work without it. By `require`, since `import()` fails in the vm contexts
 * that jest and vitest run CommonJS in.
 */
export async function loadSharp(): Promise<SharpModule> {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  loaded ??= loadPackage("sharp, which reads and writes image files,", () => require("sharp") as SharpModule, sharpError);
  return Promise.resolve(loaded);
}

let loaded: SharpModule | undefined;

/** What to do follows from why it failed: only a binary that is missing is the platform's doing. */
export function sharpError(error: unknown): InstallError {
  const message = messageOf(error);
  const lines = [`sharp, which reads and writes image files, cannot be loaded: ${message}`];
  if (systemCode(error) === "MODULE_NOT_FOUND" || systemCode(error) === "ERR_MODULE_NOT_FOUND" || /^No such built-in module/.test(message)) {
    lines.push('Install it beside this package: npm install --include=optional sharp. With a bundler, mark "sharp" as external, and ship its folder.');
  } else if (/Could not load the .?sharp.? module|ERR_DLOPEN_FAILED|\.node\b/.test(`${systemCode(error)} ${message}`)) {
    lines.push(
      `Install it on the platform that runs it: npm install --include=optional sharp (for another one: npm install --os=${process.platform} --cpu=${process.arch} sharp). ` +
        'With a bundler, mark "sharp" as external.',
    );
  }
  lines.push("Without it, pass raw pixels ({ data, width, height }) or embeds and use images[i].data.");
  return new InstallError("ERR_IPA_SHARP_MISSING", lines.join("\n"), { cause: error });
}
