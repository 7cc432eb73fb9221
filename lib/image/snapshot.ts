/** A picture from the moment of the call until it has the size that the engine needs. */
import { type AbortSignalLike, throwIfAborted } from "../abort-signal";
import { lazily } from "../load-failure";
import { type CallSite, startNative } from "../native/call";
import type { NativeAddon, NativePicture } from "../native/contract";
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

/** What makes pictures, or "sizes": nothing does, and of each its size alone is told. */
export type FitterOrSizes = Fitter | "sizes";

interface Size {
  width: number;
  height: number;
}

/** How a picture is fitted: always in the same way, or as its own size says. */
type Fitting = NativeFit | ((own: Size) => NativeFit);

/** Of the picture that it makes. */
const fittedSize = (fit: NativeFit): Size =>
  "size" in fit ? { width: fit.size, height: fit.size } : { width: fit.width, height: fit.height };

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
   * With "sizes" it is read only where its own size counts.
   * @param check of the size that the picture has where it is read
   * @throws as decode(); what `check` throws
   */
  async fit(fitter: Fitter, fitting: Fitting, signal: AbortSignalLike | undefined): Promise<RgbImage>;
  async fit(
    fitter: FitterOrSizes,
    fitting: Fitting,
    signal: AbortSignalLike | undefined,
    check?: (own: Size) => void,
  ): Promise<NativePicture>;
  async fit(
    fitter: FitterOrSizes,
    fitting: Fitting,
    signal: AbortSignalLike | undefined,
    check?: (own: Size) => void,
  ): Promise<NativePicture> {
    if (fitter === "sizes" && typeof fitting !== "function") return fittedSize(fitting);
    await this.arrive(signal);
    return DECODING.run(async () => {
      const pixels = await this.#decode();
      throwIfAborted(signal);
      check?.(pixels);
      const fit = typeof fitting === "function" ? fitting(pixels) : fitting;
      const size = fittedSize(fit);
      return fitter === "sizes" ? size : { ...size, rgb: await this.#resize(pixels, fit, fitter, signal) };
    }, signal);
  }

  /** Parts of the picture, each in the size that an image encoder needs; once. With "sizes" without pixels. @throws as decode() */
  async cut(
    fitter: FitterOrSizes,
    tilesOf: (size: Size) => PlacedTile[],
    size: number,
    signal: AbortSignalLike | undefined,
  ): Promise<{ tile: PlacedTile; picture: NativePicture }[]> {
    await this.arrive(signal);
    return DECODING.run(async () => {
      const pixels = await this.#decode();
      throwIfAborted(signal);
      const made: { tile: PlacedTile; picture: NativePicture }[] = [];
      for (const tile of tilesOf(pixels)) {
        const picture: NativePicture = { width: size, height: size };
        if (fitter !== "sizes") picture.rgb = await cutOut(pixels, tile, size, fitter);
        made.push({ tile, picture });
      }
      return made;
    }, signal);
  }

  async #resize(
    pixels: NativePixels,
    asked: NativeFit,
    { addon, site }: Fitter,
    signal: AbortSignalLike | undefined,
  ): Promise<Uint8Array> {
    const fit = this.#onWhite && "width" in asked ? { ...asked, onWhite: true } : asked;
    // A resize is soon done. A preprocessor may take long: it is stopped, and its turn ends when it has.
    const stop = "size" in fit || fit.preprocess === undefined ? undefined : signal;
    const { result } = startNative<ArrayBuffer>(site, stop, (done) => addon.fitPicture(pixels, fit, done), {
      untilAnswered: true,
    });
    return new Uint8Array(await result);
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

/** A tile of the picture as a square of `size` pixels. */
async function cutOut(
  pixels: NativePixels,
  tile: PlacedTile,
  size: number,
  { addon, site }: Fitter,
): Promise<Uint8Array> {
  const part = tiles().cutTile(pixels, tile);
  const { result } = startNative<ArrayBuffer>(site, undefined, (done) =>
    addon.fitPicture(part, { size, how: "squash" }, done),
  );
  return new Uint8Array(await result);
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
