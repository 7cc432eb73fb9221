/** Starts the process of a child. */
import { type ChildProcess, fork } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { InstallError, IpAdapterError, OptionError, messageOf, systemCode } from "../errors";
import { inheritedFlags, isSingleExecutable } from "../own-process";
import { BUNDLE_HINT, packageRoot } from "../package-root";

export interface ProcessPlan {
  /** the program of a child */
  entry: string;
  /** the Node that runs it */
  node: string;
  /** in which it runs */
  folder: string;
  /** the program that pins it */
  taskset: string | undefined;
}

/** @throws InstallError, OptionError */
export function planProcess(nodePath: string | undefined, taskset: string | undefined): ProcessPlan {
  if (nodePath === undefined && isSingleExecutable())
    throw new OptionError(
      "nodePath",
      "this program is a single executable, which would start itself anew: pass the path of a Node that runs the children",
    );
  return { entry: entryFile(), node: nodePath ?? process.execPath, folder: process.cwd(), taskset };
}

/** Bundled or not, it is the file of the installed package: what it needs lies beside it. */
function entryFile(): string {
  const entry = join(packageRoot(), "dist", "pool", "child.js");
  if (existsSync(entry)) return entry;
  throw new InstallError(
    "ERR_IPA_FILES_MISSING",
    `${entry}, which the children of a pool run, is missing: ${BUNDLE_HINT}`,
  );
}

/** @throws IpAdapterError ERR_IPA_IO */
export function startProcess({ entry, node, folder, taskset }: ProcessPlan, cores: readonly number[]): ChildProcess {
  const flags = inheritedFlags();
  const pinned = taskset !== undefined && cores.length > 0;
  const execPath = pinned ? taskset : node;
  const execArgv = pinned ? ["-c", cores.join(","), node, ...flags] : flags;
  const env = "electron" in process.versions ? { ...process.env, ELECTRON_RUN_AS_NODE: "1" } : process.env;
  try {
    return fork(entry, [], {
      execPath,
      execArgv,
      env,
      cwd: folder,
      serialization: "advanced",
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
  } catch (error) {
    const fix =
      systemCode(error) === "ERR_ACCESS_DENIED"
        ? "Node's permission model does not allow it: start node with --allow-child-process"
        : messageOf(error);
    throw new IpAdapterError("ERR_IPA_IO", `a child of the pool cannot be started: ${fix}`, { cause: error });
  }
}
