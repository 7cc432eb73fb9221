/** What setAdapters(), setControls() and setLoras() replace, read and checked. */
import { adapterRequests, controlRequests, loraRequests, type placeFiles } from "./load-request";
import type { Done, LoadedParts, NativeJob, NativePipeline } from "./native/contract";
import { AdaptersSchema, ChangeSchema, ControlsSchema, LorasSchema } from "./options/load-schema";
import { checkValue, readOptions } from "./options/validate";
import type { ReadLoadOptions } from "./read-options";
import type { AdapterOptions, ControlOptions, LoraOptions } from "./types";

export interface PartChange {
  read: ReadLoadOptions;
  requests: Parameters<typeof placeFiles>[0];
  /** once the files are in their places */
  start: (native: NativePipeline, done: Done<LoadedParts>) => NativeJob;
}

/** @throws OptionError */
export function readAdapterChange(list: unknown, options: unknown): PartChange {
  const adapters = checkValue(AdaptersSchema, list, "adapters") as AdapterOptions[];
  const requests = adapterRequests(adapters);
  const start: PartChange["start"] = (native, done) => native.setAdapters(requests, done);
  return { read: { ...readOptions(ChangeSchema, options), adapters }, requests: { adapters: requests }, start };
}

/** @throws OptionError */
export function readControlChange(list: unknown, options: unknown): PartChange {
  const controls = checkValue(ControlsSchema, list, "controls") as ControlOptions[];
  const requests = controlRequests(controls);
  const start: PartChange["start"] = (native, done) => native.setControls(requests, done);
  return { read: { ...readOptions(ChangeSchema, options), controls }, requests: { controls: requests }, start };
}

/** @throws OptionError */
export function readLoraChange(list: unknown, options: unknown): PartChange {
  const loras = checkValue(LorasSchema, list, "loras") as LoraOptions[];
  const requests = loraRequests(loras);
  const start: PartChange["start"] = (native, done) => native.setLoras(requests, done);
  return { read: { ...readOptions(ChangeSchema, options), loras }, requests: { loras: requests }, start };
}
