/** What sharp does for the server: sizes and masks of pictures. sharp comes with the package. */
import type Sharp from "sharp";

import { messageOf } from "../../errors";
import { ImageError, InstallError } from "../../index";
import { loadPackage } from "../../load-failure";
import { requirePackage } from "../../require-package";

/** Bytes and pixels from strangers: what sharp may read. */
const STRICT = { failOn: "warning", limitInputPixels: 2 ** 28 } as const;

let sharp: typeof Sharp | undefined;

function load(): typeof Sharp {
  sharp ??= loadPackage(
    "sharp",
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    () => requirePackage("sharp", () => require("sharp") as typeof Sharp),
    (cause) => new InstallError("ERR_IPA_SHARP_MISSING", "the server needs sharp: npm install sharp", { cause }),
  );
  return sharp;
}

/**
 * Pixels of a picture, as it is shown, from its first bytes.
 * @throws ImageError
 */
export async function pictureSize(bytes: Buffer): Promise<{ width: number; height: number }> {
  const { autoOrient } = await load()(bytes, STRICT).metadata().catch(damaged);
  return autoOrient;
}

/**
 * OpenAI's mask, which is transparent where the picture is repainted, as ours, which is white there. A mask without transparency is taken
 * as ours.
 * @param limitInputPixels of those who send larger ones nothing is decoded
 * @throws ImageError
 */
export async function maskOf(bytes: Buffer, limitInputPixels: number): Promise<Buffer> {
  const { hasAlpha } = await load()(bytes, STRICT).metadata().catch(damaged);
  if (!hasAlpha) return bytes;
  return load()(bytes, { ...STRICT, limitInputPixels })
    .extractChannel("alpha")
    .negate()
    .png({ compressionLevel: 1 })
    .toBuffer()
    .catch(damaged);
}

function damaged(cause: unknown): never {
  throw new ImageError("ERR_IPA_IMAGE_FORMAT", `a picture cannot be read: ${messageOf(cause)}`, { cause });
}
