/** What the options of a pool decide, before anything is started. */
import { CallPictures, type PictureRules, pictureRules } from "../image/rules";
import { LoadSchema } from "../options/load-schema";
import { omit } from "../options/omit";
import { readPath } from "../options/path";
import type { ReadPoolOptions } from "../read-options";
import { coreSystem, planCores } from "./cores";
import { OptionCopier } from "./plain-options";
import type { SlotPlan } from "./slot";
import { planProcess } from "./start-process";

/** What load() takes in a child. */
const LOADED = omit(LoadSchema.properties, "maxQueue", "signal", "onProgress");

export interface PoolPlan {
  slot: SlotPlan;
  /** of each child */
  cores: number[][];
  unpinned: string | undefined;
  rules: PictureRules;
  heartbeatTimeout: number;
  maxQueue: number | undefined;
}

/** @throws OptionError, InstallError */
export function planPool(read: ReadPoolOptions): PoolPlan {
  const { children = 2, coresPerChild, pin = true, maxRestarts = 5, heartbeatTimeout = 30_000, maxQueue } = read;
  const { perChild, cores, taskset, unpinned } = planCores({ children, coresPerChild, pin }, coreSystem());
  const nodePath = read.nodePath === undefined ? undefined : readPath(read.nodePath, "nodePath");
  const rules = pictureRules(read);
  const process = planProcess(nodePath, taskset);
  const copier = new OptionCopier(new CallPictures(rules), process.folder);
  const options = copier.copy({ properties: LOADED }, { threads: perChild, ...read });
  const watched = read.onProgress !== undefined;
  const slot: SlotPlan = {
    process,
    load: { type: "load", options, memory: read.memoryPerChild, watched },
    maxRestarts,
  };
  return { slot, cores, unpinned, rules, heartbeatTimeout, maxQueue };
}
