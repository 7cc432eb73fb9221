import { OptionError } from "./errors";
import { CallSite, startNative } from "./native/call";
import type { NativeAddon, SystemInfo } from "./native/contract";
import { loadAddon } from "./native/load";
import { describe } from "./options/describe";

/**
 * Version, instruction set, cores, threads and memory.
 * @throws InstallError when the native addon cannot be loaded
 */
export function systemInfo(): SystemInfo {
  return { ...loadAddon().system() };
}

/**
 * Sets the size of the one thread pool that every pipeline of the process shares, 1 to 1024. A pipeline uses at most the
 * `threads` it was loaded with; loading with more makes the pool grow by itself. More than four threads per core (or 64, if that
 * is more) count as that many.
 * @throws OptionError
 */
export async function setThreads(threads: number): Promise<void> {
  return setThreadsWith(loadAddon, threads, new CallSite());
}

/** @internal */
export async function setThreadsWith(addon: () => NativeAddon, threads: number, site: CallSite): Promise<void> {
  if (!Number.isInteger(threads) || threads < 1 || threads > 1024) {
    throw new OptionError("threads", `expected an integer between 1 and 1024 but received ${describe(threads)}`);
  }
  await startNative<undefined>(site, undefined, (done) => addon().setThreads(threads, done as (error: unknown) => void))
    .result;
}
