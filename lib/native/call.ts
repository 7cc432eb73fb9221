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
    else if (code === "ERR_IPA_INVALID_OPTION") error = invalidOption(native.message);
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

/** Names that the engine puts in front of a message about an option; other such messages are about a model's files. */
const OPTION_PREFIX = /^((?:width|height|steps|sigmas|scheduler|guidanceInterval|guidance|image|mask|featureCache|tokenMerging|eta|seeds|scale|imagePrompts|adapter|threads|latents|denoisingStart|denoisingEnd|clipSkip|loras|output|type|prediction|zeroSnr|vaeScalingFactor)[\w.[\]]*): (.*)$/s;

function invalidOption(message: string): IpAdapterError {
  const [, option, problem] = OPTION_PREFIX.exec(message) ?? [];
  if (option === undefined || problem === undefined) return new IpAdapterError("ERR_IPA_INVALID_OPTION", message);
  return new OptionError(option, problem);
}

export interface NativeCall<T> {
  /** settles for the caller: at once when the signal fires */
  result: Promise<T>;
  /** settles when the engine is done with the call, never rejects */
  finished: Promise<void>;
}

/**
 * Starts a native job. When `signal` fires (or `fail` is called by the caller's own callbacks) the job is cancelled and
 * the result rejects with that reason at once; the engine's late answer goes to `discard`.
 */
export function startNative<T>(
  site: CallSite,
  signal: AbortSignalLike | undefined,
  start: (done: Done<T>, fail: (reason: unknown) => void) => NativeJob | undefined,
  discard?: (value: T) => void,
): NativeCall<T> {
  let finish = (): void => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const result = new Promise<T>((resolve, reject) => {
    // Not narrowed to false: callbacks that run inside start() set it.
    let settled = false as boolean;
    let job: NativeJob | undefined;
    const fail = (reason: unknown): void => {
      if (settled) return;
      settled = true;
      signal?.removeEventListener("abort", onAbort);
      reject(reason);
      job?.cancel();
    };
    const onAbort = (): void => fail(signal?.reason);
    const done: Done<T> = (error, value) => {
      finish();
      if (settled) {
        if (error === null) discard?.(value as T);
        return;
      }
      settled = true;
      signal?.removeEventListener("abort", onAbort);
      if (error !== null) reject(site.toError(error));
      else resolve(value as T);
    };
    try {
      signal?.addEventListener("abort", onAbort);
      job = start(done, fail);
    } catch (error) {
      // The addon refuses malformed calls by throwing; `done` is then never called.
      finish();
      fail(error);
      return;
    }
    // fail() may have run inside start(), before there was a job to cancel.
    if (settled) job?.cancel();
  });
  return { result, finished };
}
