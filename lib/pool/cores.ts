/** Which cores each child gets, and whether the system can keep it there. */
import { accessSync, constants, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { delimiter, join } from "node:path";

export interface CorePlan {
  /** threads of each child */
  perChild: number;
  /** the cores of each child; empty lists: nothing is pinned */
  cores: number[][];
  /** the program that pins, where it is used */
  taskset: string | undefined;
  /** why nothing is pinned */
  unpinned: string | undefined;
}

/** What of the system decides. */
export interface CoreSystem {
  platform: string;
  /** cores that this process may use; undefined: the system does not say which */
  allowed: number[] | undefined;
  /** how many that is, quotas of a container included */
  count: number;
  taskset: string | undefined;
}

export function planCores(
  { children, coresPerChild, pin }: { children: number; coresPerChild: number | undefined; pin: boolean },
  system: CoreSystem,
): CorePlan {
  const { allowed = [], taskset } = system;
  const perChild = coresPerChild ?? Math.max(1, Math.floor(system.count / children));
  const unpinned = pin ? whyNot(children * perChild, system) : "pin is false";
  if (unpinned !== undefined)
    return { perChild, cores: Array.from({ length: children }, () => []), taskset: undefined, unpinned };
  const cores = Array.from({ length: children }, (_, i) => allowed.slice(i * perChild, (i + 1) * perChild));
  return { perChild, cores, taskset, unpinned };
}

function whyNot(needed: number, { platform, allowed, taskset }: CoreSystem): string | undefined {
  if (platform !== "linux") return "only Linux can pin processes to cores";
  if (allowed === undefined) return "the system does not say which cores this process may use";
  if (taskset === undefined) return "taskset is not in PATH: install util-linux";
  if (needed <= allowed.length) return undefined;
  return `the children need ${needed} cores and this process may use ${allowed.length}: set fewer children or coresPerChild`;
}

export function coreSystem(): CoreSystem {
  const allowed = process.platform === "linux" ? allowedCores() : undefined;
  const count = Math.min(availableParallelism(), allowed?.length ?? Infinity);
  return { platform: process.platform, allowed, count, taskset: inPath("taskset") };
}

/** As the kernel says it, such as `0-3,8`. */
export function readCoreList(text: string): number[] {
  return text.split(",").flatMap((range) => {
    const [first = NaN, last = first] = range.split("-").map(Number);
    return Number.isInteger(first) && last >= first
      ? Array.from({ length: last - first + 1 }, (_, i) => first + i)
      : [];
  });
}

function allowedCores(): number[] | undefined {
  try {
    const [, list] = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
    return list === undefined ? undefined : readCoreList(list);
  } catch {
    return undefined;
  }
}

function inPath(program: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders
    .map((folder) => join(folder, program))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
