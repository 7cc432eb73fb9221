import { type AbortSignalLike, throwIfAborted } from "./abort-signal";
import { abortable } from "./abortable";
import { CallQueue } from "./call-queue";
import { type CallEnds, Calls } from "./calls";
import { type PictureSnapshot, arrival } from "./image/snapshot";
import { type CallSite, type StartOptions, startNative } from "./native/call";
import type { Done, NativeJob } from "./native/contract";

/** What a call of the engine does when. */
export interface EngineCall<Prepared, T> {
  /** those whose bytes may have yet to come */
  pictures: readonly (PictureSnapshot | undefined)[];
  /** reads and decodes; runs beside other calls */
  prepare: (stop: AbortSignal) => Promise<Prepared>;
  /** hands the call to the engine */
  start: (prepared: Prepared, done: Done<T>, fail: (reason: unknown) => void) => NativeJob;
}

/** The calls of a pipeline that its engine runs. */
export class EngineCalls extends Calls {
  readonly #queue = new CallQueue();

  /** A call in its turn, which it takes when the bytes of its pictures are there. */
  call<Prepared, T>(site: CallSite, ends: CallEnds, call: EngineCall<Prepared, T>): Promise<T> {
    return this.run(site, ends, async (stop) => {
      const arrive = arrival(call.pictures);
      if (arrive !== undefined) await abortable(this.track(arrive(stop)), stop);
      return this.#queue.add(
        stop,
        () => this.track(call.prepare(stop)),
        (prepared) => this.#start<T>(site, stop, (done, fail) => call.start(prepared, done, fail)),
      );
    });
  }

  /**
   * A change of what is loaded, between the calls made before it and those made after it. The engine says whether it was made.
   * @param place finds the files, and fetches what is on the hub; at once
   * @param made gets the engine's answer before any later call is prepared
   */
  change<T>(
    site: CallSite,
    signal: AbortSignalLike | undefined,
    place: (stop: AbortSignal) => Promise<void>,
    start: (done: Done<T>) => NativeJob,
    made: (answer: T) => void,
  ): Promise<void> {
    return this.run(site, { signal }, (stop) =>
      this.#queue.change(place(stop), async () => {
        throwIfAborted(stop);
        made(await this.#start<T>(site, stop, start, { untilAnswered: true }).result);
      }),
    );
  }

  #start<T>(
    site: CallSite,
    stop: AbortSignal,
    start: Parameters<typeof startNative<T>>[2],
    options?: StartOptions<T>,
  ): { result: Promise<T> } {
    const { result, finished } = startNative<T>(site, stop, start, options);
    void this.track(finished);
    return { result };
  }
}
