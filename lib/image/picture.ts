/** Pixels as calls give them back. */
import { readPath } from "../options/path";
import {
  encodeImage,
  formatOfPath,
  readFormat,
  writeFileAtomically,
  type EncodeOptions,
  type OutputFormat,
} from "./encode";

/** A picture in memory, which options that take pictures take too. */
export class Picture {
  /** RGB, rows from the top, width * height * 3 bytes */
  readonly data: Uint8Array;
  /** pixels */
  readonly width: number;
  /** pixels */
  readonly height: number;

  constructor(data: Uint8Array, width: number, height: number) {
    this.data = data;
    this.width = width;
    this.height = height;
  }

  /** The encoded file as bytes. */
  async toBuffer(format: OutputFormat | "jpg" = "png", options?: EncodeOptions): Promise<Buffer> {
    return encodeImage({ rgb: this.data, width: this.width, height: this.height }, readFormat(format), options);
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
