/** A preprocessor that was asked for, in the engine's words. */
import { OptionError } from "../errors";
import type { Value } from "../options/json-schema";
import { PREPROCESSORS } from "../options/names";
import type { PreprocessSchema } from "../options/preprocess-schema";
import type { NativePreprocess } from "./pixels";

/** A preprocessor and its numbers; one of them. */
export interface PreprocessOptions {
  /** edges (Canny 1986), white on black, as OpenCV finds them in its grey. They begin where the slope passes `high` (default 200), and go on where it passes `low` (default 100); 0 to 2040 */
  canny?: { low?: number | undefined; high?: number | undefined } | undefined;
  /** 255 less each value: black lines on white become white on black */
  invert?: Record<string, never> | undefined;
  /** Gaussian blur, as OpenCV's; `sigma` is 0.1 to 64 pixels, default 9 */
  blur?: { sigma?: number | undefined } | undefined;
  /** made smaller by `factor`, 1 to 64 (default 4), by means over areas, as OpenCV's INTER_AREA; then as large as before, as by Pillow's Lanczos */
  tile?: { factor?: number | undefined } | undefined;
  /** dark lines, white on black: the difference of two Gaussian blurs (XDoG); a lower `threshold`, 1 to 510 (default 32), gives more lines */
  scribble?: { threshold?: number | undefined } | undefined;
  /** grey, as Pillow's "L" */
  grey?: Record<string, never> | undefined;
}

/** What a structure control's picture is made into; one of them. */
export interface ControlPreprocessOptions extends PreprocessOptions {
  /** ControlNets for inpainting, without a picture of their own: the call's `image`, with -1 where its `mask` is white */
  inpaint?: Record<string, never> | undefined;
}

/** @throws OptionError unless there is one of them */
export function nativePreprocess(read: Value<typeof PreprocessSchema>, option: string): NativePreprocess {
  const names = PREPROCESSORS.filter((name) => read[name] !== undefined);
  const [name] = names;
  if (name === undefined || names.length > 1) {
    const received = name === undefined ? "none" : names.join(" and ");
    throw new OptionError(
      option,
      `expected one of ${PREPROCESSORS.join(", ")} but received ${received}: ${name === undefined ? "add one" : "leave all but one out"}`,
    );
  }
  return { ...read[name], name };
}
