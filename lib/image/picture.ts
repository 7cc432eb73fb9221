/** Pixels as calls give them back. */
import { readPath } from "../options/path";
import {
  encodeImage,
  formatOfPath,
  readFormat,
  writeFileAtomically,
  type EncodeOptions,
  type OutputFormat,
  type TextsOf,
} from "./encode";

/** A picture in memory, which options that take pictures take too. */
export class Picture {
  /** RGB, rows from the top, width * height * 3 bytes */
  readonly data: Uint8Array;
  /** pixels */
  readonly width: number;
  /** pixels */
  readonly height: number;
  readonly #texts: TextsOf | undefined;

  /** @param texts what its files carry of how it was made */
  constructor(data: Uint8Array, width: number, height: number, texts?: TextsOf) {
    this.#texts = texts;
    this.data = data;
    this.width = width;
    this.height = height;
  }

  /** The encoded file as bytes; that of a generated picture has its settings in it unless `metadata` was false. */
  async toBuffer(format: OutputFormat | "jpg" = "png", options?: EncodeOptions): Promise<Buffer> {
    const { data: rgb, width, height } = this;
    return encodeImage({ rgb, width, height }, readFormat(format), options, this.#texts);
  }

  toPNG(options?: EncodeOptions): Promise<Buffer> {
    return this.toBuffer("png", options);
  }

  toJPEG(options?: EncodeOptions): Promise<Buffer> {
    return this.toBuffer("jpeg", options);
  }

  toWebP(options?: EncodeOptions): Promise<Buffer> {
    return this.toBuffer("webp", options);
  }

  /**
   * Writes the picture; the extension (.png, .jpg, .webp) gives the format. The file appears whole or not at all.
   * @throws OptionError for another extension; ERR_IPA_NOT_FOUND when the folder does not exist; ERR_IPA_IO
   */
  async toFile(path: string | URL, options?: EncodeOptions): Promise<void> {
    const file = readPath(path, "path");
    const format = formatOfPath(file, "path");
    await writeFileAtomically(file, await this.toBuffer(format, options));
  }
}
