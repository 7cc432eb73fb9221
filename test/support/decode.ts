import { CallSite } from "../../lib/native/call";
import type { RgbImage } from "../../lib/image/input";
import { type PictureRules, CallPictures, pictureRules } from "../../lib/image/rules";
import { PictureSnapshot } from "../../lib/image/snapshot";
import { loadAddon } from "../../lib/native/load";

/** A picture in its own size, read as calls read it. */
export async function decodeOwnSize(
  input: unknown,
  signal?: AbortSignal,
  rules: PictureRules = pictureRules({}),
): Promise<RgbImage> {
  return new PictureSnapshot(input, "image", new CallPictures(rules)).fit(
    { addon: loadAddon(), site: new CallSite() },
    ({ width, height }) => ({ width, height }),
    signal,
  );
}
