/** A picture from the moment of the call until it has the size that the engine needs. */
import { type AbortSignalLike, throwIfAborted } from "../abort-signal";
import { lazily } from "../load-failure";
import { type CallSite, startNative } from "../native/call";
import type { NativeAddon } from "../native/contract";
import type { NativeFit, NativePixels } from "./pixels";
import { type PictureSource, type RgbImage, readSource } from "./input";
import type { CallPictures } from "./rules";
import type { PlacedTile } from "./tiles";
import { Turnstile } from "./turnstile";

const tiles = lazily(() => require("./tiles") as typeof import("./tiles"));
const decoder = lazily(() => require("./decode") as typeof import("./decode"));

/** Pictures decoded at a time in the whole process: each may have hundreds of megabytes until it is shrunk. */
const DECODING = new Turnstile(2);

/** What makes pictures smaller, and whom to name in its errors. */
export interface Fitter {
  addon: Pick<NativeAddon, "fitPicture">;
  site: CallSite;
}

/** The input as it was at the time of the call; later writes to the caller's arrays do not reach it. It is let go of when it is decoded. */
export class PictureSnapshot {
  /** the option, for messages */
  readonly option: string;
  readonly #pictures: CallPictures;
  readonly #onWhite: boolean;
  #source: PictureSource | undefined;

  /**
   * @param pictures of the call
   * @param onWhite whether what is transparent lies on white; else the colour below it counts
   */
  constructor(input: unknown, option: string, pictures: CallPictures, onWhite = false) {
    this.option = option;
    this.#onWhite = onWhite;
    this.#pictures = pictures;
    this.#source = readSource(input, option, pictures);
  }

  /** Whether its bytes come at the pace of whoever sends them. */
  get late(): boolean {
    return this.#source !== undefined && "late" in this.#source;
  }

  /** Reads a stream or Blob to its end. @throws ImageError, OptionError, signal.reason */
  async arrive(signal: AbortSignalLike | undefined): Promise<void> {
    if (this.#source === undefined || !("late" in this.#source)) return;
    const bytes = await this.#source.late(signal);
    this.#pictures.countBytes(bytes.length, this.option);
    this.#source = { bytes };
  }

  /** The whole picture; once. @throws ImageError; ERR_IPA_NOT_FOUND, ERR_IPA_IO; signal.reason */
  async decode(signal?: AbortSignalLike): Promise<NativePixels> {
    await this.arrive(signal);
    return DECODING.run(() => this.#decode(), signal);
  }

  /**
   * The picture in the size that the engine needs, made by the engine's own resize; once. The whole picture is gone then.
   * @throws as decode()
   */
  async fit(
    { addon, site }: Fitter,
    fitOf: (size: { width: number; height: number }) => NativeFit,
    signal: AbortSignalLike | undefined,
  ): Promise<RgbImage> {
    await this.arrive(signal);
    return DECODING.run(async () => {
      const pixels = await this.#decode();
      throwIfAborted(signal);
      const asked = fitOf(pixels);
      const fit = this.#onWhite && "width" in asked ? { ...asked, onWhite: true } : asked;
      const [width, height] = "size" in fit ? [fit.size, fit.size] : [fit.width, fit.height];
      // A resize is soon done. A preprocessor may take long: it is stopped, and its turn ends when it has.
      const stop = "size" in fit || fit.preprocess === undefined ? undefined : signal;
      const { result } = startNative<ArrayBuffer>(site, stop, (done) => addon.fitPicture(pixels, fit, done), {
        untilAnswered: true,
      });
      const rgb = await result;
      return { rgb: new Uint8Array(rgb), width, height };
    }, signal);
  }

  /** Parts of the picture, each in the size that an image encoder needs; once. @throws as decode() */
  async cut(
    { addon, site }: Fitter,
    tilesOf: (size: { width: number; height: number }) => PlacedTile[],
    size: number,
    signal: AbortSignalLike | undefined,
  ): Promise<{ tile: PlacedTile; rgb: Uint8Array }[]> {
    await this.arrive(signal);
    return DECODING.run(async () => {
      const pixels = await this.#decode();
      throwIfAborted(signal);
      const made: { tile: PlacedTile; rgb: Uint8Array }[] = [];
      for (const tile of tilesOf(pixels)) {
        const part = tiles().cutTile(pixels, tile);
        const call = startNative<ArrayBuffer>(site, undefined, (done) =>
          addon.fitPicture(part, { size, how: "squash" }, done),
        );
        made.push({ tile, rgb: new Uint8Array(await call.result) });
      }
      return made;
    }, signal);
  }

  async #decode(): Promise<NativePixels> {
    const source = this.#source;
    this.#source = undefined;
    if (source === undefined || "late" in source)
      throw new Error("a picture is decoded once, when its bytes are there");
    if ("data" in source) return source;
    if ("bytes" in source) return decoder().decodeBytes(source.bytes, this.option, this.#pictures, this.#onWhite);
    return decoder().decodeBytes(
      await decoder().readImageFile(source.path, this.option),
      `${this.option} (${source.path})`,
      this.#pictures,
      this.#onWhite,
    );
  }
}

/**
 * Reads the streams and Blobs among the pictures of a call; undefined: there are none. A call has no turn before, since it would
 * hold up the others.
 */
export function arrival(
  snapshots: readonly (PictureSnapshot | undefined)[],
): ((signal: AbortSignalLike) => Promise<void>) | undefined {
  const late = snapshots.flatMap((snapshot) => (snapshot?.late === true ? snapshot : []));
  if (late.length === 0) return undefined;
  return async (signal) => {
    await Promise.all(late.map((snapshot) => snapshot.arrive(signal)));
  };
}
