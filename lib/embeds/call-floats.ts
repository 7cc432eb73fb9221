import { readFloats } from "../options/read-floats";
import { type EmbedsSnapshot, ImageEmbeds, MOST_PICTURES } from "./image-embeds";

/** Most floats of all embeddings of a call: 256 MiB. */
const MOST_TOGETHER = 2 ** 26;
/** Floats of one picture in plain embeddings. No encoder's vector has more, and the hidden states of one picture fit in 4096 times as many. */
const MOST_EACH = 2048;
/** Floats of InsightFace's embedding of a face. */
const FACE = 512;

/** The embeddings of one call. They have a limit together, so each is counted before it is copied. */
export class CallFloats {
  #left = MOST_TOGETHER;

  /** @param value ImageEmbeds, or plain floats, whose shape only their adapter knows. @throws OptionError */
  embeds(value: unknown, option: string): { data: Float32Array; shape: readonly number[] | undefined } {
    return this.#take(
      ImageEmbeds.snapshot(value, option, this.#left) ?? {
        data: this.#plain(value, option, MOST_EACH),
        shape: undefined,
      },
    );
  }

  /** @throws OptionError */
  faces(value: unknown, option: string): Float32Array {
    return this.#take({ data: this.#plain(value, option, FACE) }).data;
  }

  #plain(value: unknown, option: string, each: number): Float32Array {
    return readFloats(value, option, Math.min(this.#left, MOST_PICTURES * each));
  }

  #take<T extends Pick<EmbedsSnapshot, "data">>(taken: T): T {
    this.#left -= taken.data.length;
    return taken;
  }
}
