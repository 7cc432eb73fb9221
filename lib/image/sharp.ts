import type Sharp from "sharp";

import { InstallError, messageOf, systemCode } from "../errors";
import { loadPackage } from "../load-failure";
import { isMissing, requirePackage } from "../require-package";

export type SharpModule = typeof Sharp;

/** sharp, loaded at first need: raw pixels and embeddings work without it. */
export async function loadSharp(): Promise<SharpModule> {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const load = (): SharpModule => require("sharp") as SharpModule;
  loaded ??= loadPackage("sharp, which reads and writes image files,", () => requirePackage("sharp", load), sharpError);
  return Promise.resolve(loaded);
}

let loaded: SharpModule | undefined;

/** What to do follows from why it failed: only a binary that is missing is the platform's doing. */
export function sharpError(error: unknown): InstallError {
  const message = messageOf(error);
  const lines = [`sharp, which reads and writes image files, cannot be loaded: ${message}`];
  if (isMissing(error)) {
    lines.push(
      'Install it beside this package: npm install --include=optional sharp. With a bundler, mark "sharp" as external: docs/bundlers.md.',
    );
  } else if (/Could not load the .?sharp.? module|ERR_DLOPEN_FAILED|\.node\b/.test(`${systemCode(error)} ${message}`)) {
    lines.push(
      `Install it on the platform that runs it: npm install --include=optional sharp (for another one: npm install --os=${process.platform} --cpu=${process.arch} sharp). ` +
        'With a bundler, mark "sharp" as external.',
    );
  }
  lines.push("Without it, pass raw pixels ({ data, width, height }) or embeds and use images[i].data.");
  return new InstallError("ERR_IPA_SHARP_MISSING", lines.join("\n"), { cause: error });
}
