/** Children of pools, as the system sees them. */
import { execFileSync } from "node:child_process";

/** Processes of engines that the process `parent` has started. */
export function enginesOf(parent: number | undefined): number[] {
  const rows = execFileSync("ps", ["-A", "-o", "pid=,ppid=,args="], { encoding: "utf8" }).split("\n");
  return rows.flatMap((row) => {
    const [pid, ppid, ...args] = row.trim().split(/\s+/);
    return Number(ppid) === parent && args.some((word) => word.endsWith("child.js")) ? Number(pid) : [];
  });
}
