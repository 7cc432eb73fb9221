/** The native addon of this process, loaded by the first call that needs it. */
import { lazily } from "../load-failure";
import type { LoadedAddon } from "./addon/loader";
import type { NativeAddon } from "./contract";

const loader = lazily(() => require("./addon/loader") as typeof import("./addon/loader"));

let loaded: LoadedAddon | undefined;

/** The addon of this process. */
export function loadAddon(): NativeAddon {
  return loadedAddon().addon;
}

export function loadedAddon(): LoadedAddon {
  return (loaded ??= loader().findAddon());
}
