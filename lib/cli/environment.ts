import type { NativeAddon } from "../native/contract";
import type { Sink } from "./report";

/** What a command may touch beside files; a test gives its own. */
export interface Environment {
  out: Sink;
  err: Sink;
  /** fires on Ctrl-C */
  signal: AbortSignal;
  addon: () => NativeAddon;
  /** where the addon was found, for `doctor` */
  addonFile: () => string;
  now: () => number;
  /** one JSON object on a line of `out` */
  json(value: unknown): void;
}
