/** What makes the pictures of a model: a pipeline in this process, or processes of their own. */
import {
  CrashError,
  EnginePool,
  type GenerateOptions,
  type GenerateResult,
  type LoadOptions,
  Pipeline,
  type PipelineInfo,
  type PipelineStats,
} from "../../index";
import type { Loaded } from "./models";

/** Processes of an engine. */
export interface Processes {
  /** that are there and take work */
  ready: number;
  /** that died so far */
  deaths: number;
  /** calls that ran again because their process had died */
  rerun: number;
}

export interface Engine extends Loaded {
  readonly info: PipelineInfo;
  /** of each pipeline */
  readonly stats: readonly PipelineStats[];
  /** undefined: it runs in this process */
  readonly processes: Processes | undefined;
  generate(options: GenerateOptions<"image">): Promise<GenerateResult>;
}

/** What Node itself takes in a process, about. */
const NODE_BYTES = 60 * 2 ** 20;

/**
 * Loads a model. Where its process dies meanwhile, it is loaded once more.
 * @param processes 0: a pipeline in this process
 */
export async function startEngine(load: LoadOptions, processes: number, signal: AbortSignal): Promise<Engine> {
  if (processes === 0) return engineOf(await Pipeline.load({ ...load, signal }), true);
  const start = (): Promise<EnginePool> => EnginePool.create({ ...load, signal, children: processes });
  try {
    return pooled(await start(), 0);
  } catch (error) {
    // A file that is wrong stays wrong.
    if (!(error instanceof CrashError)) throw error;
    return pooled(await start(), error.deaths.length);
  }
}

/** @param owned whether the pipeline ends with the engine */
export function engineOf(pipeline: Pipeline, owned: boolean): Engine {
  return {
    get info() {
      return pipeline.info;
    },
    get stats() {
      return [pipeline.stats()];
    },
    memoryBytes: pipeline.info.memoryBytes,
    usable: true,
    processes: undefined,
    generate: (options) => pipeline.generate(options),
    dispose: () => (owned ? pipeline.dispose() : Promise.resolve()),
  };
}

/** @param before deaths before this pool was there */
function pooled(pool: EnginePool, before: number): Engine {
  const { info } = pool;
  return {
    info,
    get stats() {
      return pool.stats().children.flatMap(({ engine }) => engine ?? []);
    },
    memoryBytes: pool.stats().children.length * (info.memoryBytes + NODE_BYTES),
    /** A pool whose processes do not start any more is of no use: the model is loaded anew. */
    get usable() {
      return pool.stats().children.some(({ state }) => state !== "given up");
    },
    get processes() {
      const { children, deaths, rerun } = pool.stats();
      const ready = children.filter(({ state }) => state === "ready").length;
      return { ready, deaths: before + deaths, rerun };
    },
    generate: (options) => pool.generate(options),
    dispose: () => pool.dispose(),
  };
}
