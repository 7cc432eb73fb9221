import type Sharp from "sharp";

import { InstallError, messageOf } from "../errors";

export type SharpModule = typeof Sharp;

let loading: Promise<SharpModule> | undefined;

/** sharp, imported at first need: raw pixels and embeddings work without it. */
export function loadSharp(): Promise<SharpModule> {
  loading ??= import("sharp").then(
    (module) => module.default,
    (error: unknown) => {
      loading = undefined;
      throw new InstallError(
        "ERR_IPA_SHARP_MISSING",
        `sharp, which reads and writes image files, cannot be loaded: ${messageOf(error)}\n` +
          `Install it on the platform that runs it: npm install --include=optional sharp ` +
          `(for another one: npm install --os=${process.platform} --cpu=${process.arch} sharp). ` +
          `Without it, pass raw pixels ({ data, width, height }) or embeds and use images[i].data.`,
        { cause: error },
      );
    },
  );
  return loading;
}
