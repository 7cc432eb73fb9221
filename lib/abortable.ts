import type { AbortSignalLike } from "./abort-signal";

/** A signal that fires when either does, and on `release`: call that when what listens to it is no longer needed. */
export function eitherSignal(
  one: AbortSignalLike | undefined,
  other: AbortSignalLike,
): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const releases = [one, other].map((from) => {
    const onAbort = (): void => controller.abort(from?.reason);
    if (from?.aborted === true) onAbort();
    from?.addEventListener("abort", onAbort);
    return (): void => from?.removeEventListener("abort", onAbort);
  });
  const release = (): void => {
    releases.forEach((remove) => remove());
    controller.abort();
  };
  return { signal: controller.signal, release };
}

/** Rejects at once when the signal fires; the work itself ends on its own. */
export function abortable<T>(work: Promise<T>, signal: AbortSignalLike | undefined): Promise<T> {
  if (signal === undefined) return work;
  // A signal whose code throws ends this promise, and nobody else may wait for what the work ends in.
  work.catch(() => undefined);
  return new Promise((resolve, reject) => {
    const release = (): void => signal.removeEventListener("abort", onAbort);
    const onAbort = (): void => {
      release();
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort);
    work.then(resolve, reject).finally(release);
    if (signal.aborted) onAbort();
  });
}
