/** One call into the addon as a promise: typed errors with the caller's stack, and cancelling by AbortSignal. */
import type { AbortSignalLike } from "../abort-signal";
import { DisposedError, IpAdapterError, OptionError, type ErrorCode } from "../errors";
import type { Done, NativeError, NativeJob } from "./contract";

/** Where a public function was entered. The engine answers from another turn of the event loop, whose stack helps nobody. */
export class CallSite {
  readonly #frames: string;

  /** Call it in the synchronous part of the public function. */
  constructor() {
    const holder: { stack?: string } = {};
    Error.captureStackTrace(holder, CallSite);
    const stack = holder.stack ?? "";
    this.#frames = stack.includes("\n") ? stack.slice(stack.indexOf("\n")) : "";
  }

  /** The addon's plain error as the class a user catches. */
  toError(native: NativeError): IpAdapterError {
    const code = native.code as ErrorCode;
    let error: IpAdapterError;
    if (code === "ERR_IPA_DISPOSED") error = new DisposedError();
    else if (native.option !== undefined) error = new OptionError(native.option, native.message);
    else error = new IpAdapterError(code, native.message);
    return this.attach(error);
  }

  /** Runs a check whose errors get the stack of this call site. */
  run(check: () => void): void {
    try {
      check();
    } catch (error) {
      throw error instanceof IpAdapterError ? this.attach(error) : error;
    }
  }

  /** Gives `error` the stack of this call site. */
  attach<T extends Error>(error: T): T {
    Object.defineProperty(error, "stack", {
      value: `${error.name}: ${error.message}${this.#frames}`,
      configurable: true,
      writable: true,
    });
    return error;
  }
}

export interface NativeCall<T> {
  /** settles for the caller */
  result: Promise<T>;
  /** settles when the engine is done with the call, never rejects */
  finished: Promise<void>;
}

export interface StartOptions<T> {
  /** gets an answer that comes when the caller has been told something else */
  discard?: (value: T) => void;
  /** the result waits for the engine's answer, which tells whether the work was done before the engine could stop: for work that lasts */
  untilAnswered?: boolean;
}

/**
 * Starts a native job. When `signal` fires, or `fail` is called by the caller's own callbacks, the job is cancelled and the result
 * rejects with that reason: at once, unless it waits for the answer or the pipeline is disposed of.
 */
export function startNative<T>(
  site: CallSite,
  signal: AbortSignalLike | undefined,
  start: (done: Done<T>, fail: (reason: unknown) => void) => NativeJob | undefined,
  { discard, untilAnswered = false }: StartOptions<T> = {},
): NativeCall<T> {
  let finish = (): void => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const result = new Promise<T>((resolve, reject) => {
    // Not narrowed to what they are here: callbacks that run inside start() set them.
    let settled = false as boolean;
    let failure = undefined as { reason: unknown; thrown: boolean } | undefined;
    let job: NativeJob | undefined;
    const settle = (end: () => void): void => {
      if (settled) return;
      settled = true;
      signal?.removeEventListener("abort", onAbort);
      end();
    };
    const stop = (reason: unknown, thrown: boolean): void => {
      if (settled) return;
      failure ??= { reason, thrown };
      // After dispose() the engine's answer counts too: a result that is there already is not thrown away.
      if (!untilAnswered && !(reason instanceof DisposedError)) settle(() => reject(reason));
      job?.cancel();
    };
    const onAbort = (): void => stop(signal?.reason, false);
    const fail = (reason: unknown): void => stop(reason, true);
    const done: Done<T> = (error, value) => {
      finish();
      if (settled && error === null) discard?.(value as T);
      settle(() => {
        // What was done before the engine could stop is done, unless the caller's own code threw.
        if (failure !== undefined && (failure.thrown || error?.code === "ERR_IPA_CANCELLED")) reject(failure.reason);
        else if (error !== null) reject(site.toError(error));
        else resolve(value as T);
      });
    };
    try {
      signal?.addEventListener("abort", onAbort);
      job = start(done, fail);
    } catch (error) {
      // The addon refuses malformed calls by throwing; `done` is then never called.
      finish();
      settle(() => reject(error));
      return;
    }
    // It may have been stopped inside start(), before there was a job to cancel.
    if (failure !== undefined) job?.cancel();
  });
  return { result, finished };
}
