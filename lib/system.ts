import type { NativeSystem } from "./native/contract";
import { loadAddon } from "./native/load";

/** The machine as the engine sees it. */
export type SystemInfo = NativeSystem;

/**
 * Version, instruction set, cores, threads and memory.
 * @throws InstallError when the native addon cannot be loaded
 */
export function systemInfo(): SystemInfo {
  return { ...loadAddon().system() };
}
