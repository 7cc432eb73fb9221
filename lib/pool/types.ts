/** The options of a pool, and what it says of itself. */
import type { ChildDeath, CrashError } from "../errors";
import type { PipelineStats } from "../native/info";
import type { LoadOptions } from "../types";

/** Options of EnginePool.create(): those of Pipeline.load(), which every child loads by, and these. */
export interface EnginePoolOptions extends LoadOptions {
  /** processes, 1 to 256, default 2; each has the model in its memory */
  children?: number | undefined;
  /** cores that each child has to itself, 1 to 1024; default: those of this process, shared out. `threads` is as many by default */
  coresPerChild?: number | undefined;
  /** keep each child on its cores, default true. Linux with `taskset` can; elsewhere `stats.unpinned` says why nothing is pinned */
  pin?: boolean | undefined;
  /**
   * bytes that the weights and the calls of a child may take together, as estimateMemory() counts them; Node.js itself comes on
   * top. A call that does not fit beside others waits; one that never fits is refused with ERR_IPA_NO_MEMORY. Default: no limit
   */
  memoryPerChild?: number | undefined;
  /** starts in a row that may fail before a child is given up, default 5 */
  maxRestarts?: number | undefined;
  /** milliseconds, 100 to 3,600,000, within which a child's event loop has to answer; else it is killed. Default 30,000 */
  heartbeatTimeout?: number | undefined;
  /** the Node that runs the children; default: the one that runs this program */
  nodePath?: string | URL | undefined;
}

/** What a child does: it loads, takes calls, waits for its next start, or is not started any more. */
export type ChildState = "starting" | "ready" | "resting" | "given up" | "ended";

export interface ChildStats {
  /** undefined while it has no process */
  pid: number | undefined;
  state: ChildState;
  /** calls that it has */
  active: number;
  /** cores that it is pinned to; empty: it is not */
  cores: number[];
  /** bytes in its memory as the system counts them, at its last answer */
  rss: number | undefined;
  /** `stats` of its pipeline at its last answer, which is asked for every second */
  engine: PipelineStats | undefined;
  /** times that it was started again */
  restarts: number;
}

/** What a pool does now, and has done. */
export interface PoolStats {
  children: ChildStats[];
  /** why no child is pinned; undefined: they are */
  unpinned: string | undefined;
  /** bytes that each child may take, as create() was told */
  memoryPerChild: number | undefined;
  /** calls that wait for a child */
  queued: number;
  /** calls that a child has */
  active: number;
  /** calls taken so far; each of them is pending, or counted once in one of the three below */
  accepted: number;
  succeeded: number;
  failed: number;
  /** by a signal, or by dispose() */
  aborted: number;
  /** times that a call was run again because its child had died */
  rerun: number;
  /** children that died */
  deaths: number;
  /** results that came from a child that had been given up for dead; they were dropped */
  late: number;
}

export interface ChildHealth {
  pid: number | undefined;
  state: ChildState;
  /** whether its event loop answered just now */
  answered: boolean;
}

export interface PoolHealth {
  /** whether the pool takes calls, and a child that answers is there for them */
  ok: boolean;
  /** "draining": it takes no more calls; "failed": all children were given up */
  state: "open" | "draining" | "failed" | "disposed";
  children: ChildHealth[];
  /** the last death of a child */
  lastDeath: ChildDeath | undefined;
}

/** A call that was given up because its child died twice. */
export interface PoolFailure {
  /** milliseconds since 1970 */
  at: number;
  /** what the call rejected with */
  error: CrashError;
}
