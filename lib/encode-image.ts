/** encodeImage(): what an image encoder makes of one picture. */
import { throwIfAborted } from "./abort-signal";
import type { ImageEmbeds } from "./embeds/image-embeds";
import type { EngineCalls } from "./engine-calls";
import { checkAdapter, checkTakesPictures, toEmbeds } from "./image-branches";
import { CallPictures, type PictureRules } from "./image/rules";
import { type Fitter, PictureSnapshot } from "./image/snapshot";
import type { AdapterInfo, NativeImage, NativePipeline, PipelineInfo } from "./native/contract";
import { EncodeImageSchema } from "./options/generate-schema";
import { readOptions } from "./options/validate";

/** The parts of a pipeline that have to do with it. */
export interface ImageEngine {
  native: Pick<NativePipeline, "encodeImage">;
  /** when the call's turn has come: adapters may have been changed since it was made */
  info: () => PipelineInfo;
  rules: PictureRules;
  calls: EngineCalls;
}

/** Not async, so that nothing holds the caller's picture while the call waits. @throws OptionError */
export function encodeImageWith(
  { native, info, rules, calls }: ImageEngine,
  image: unknown,
  options: unknown,
  fitter: Fitter,
): Promise<ImageEmbeds> {
  calls.checkRoom();
  const { adapter = 0, signal } = readOptions(EncodeImageSchema, options);
  throwIfAborted(signal);
  const picture = new PictureSnapshot(image, "image", new CallPictures(rules));
  let taken: AdapterInfo;
  const made = calls.call<NativeImage, ArrayBuffer>(
    fitter.site,
    { signal },
    {
      pictures: [picture],
      prepare: async (stop) => {
        taken = checkAdapter(adapter, "adapter", info());
        checkTakesPictures("image", taken);
        const { imageSize } = taken;
        return picture.fit(fitter, () => ({ size: imageSize }), stop);
      },
      start: (rgb, done) => native.encodeImage(rgb, adapter, done),
    },
  );
  return made.then((data) => toEmbeds(new Float32Array(data), taken));
}
