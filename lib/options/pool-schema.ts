/** The options of EnginePool.create(): those of load(), and those of its children. */
import type { ObjectSchema } from "./json-schema";
import { LoadSchema } from "./load-schema";

export const ChildrenSchema = {
  type: "object",
  title: "children of a pool",
  additionalProperties: false,
  properties: {
    children: {
      type: "integer",
      minimum: 1,
      maximum: 256,
      default: 2,
      description: "processes, each with the model in its memory",
    },
    coresPerChild: {
      type: "integer",
      minimum: 1,
      maximum: 1024,
      description: "cores that each child has to itself",
      "x-default": "those of this process, shared out",
    },
    pin: {
      type: "boolean",
      default: true,
      description: "keep each child on its cores, where the system can (Linux with taskset)",
    },
    memoryPerChild: {
      type: "integer",
      minimum: 1,
      maximum: Number.MAX_SAFE_INTEGER,
      description: "bytes that the weights and the calls of a child may take together, as estimateMemory() counts them",
      "x-default": "no limit",
    },
    maxRestarts: {
      type: "integer",
      minimum: 0,
      maximum: 1_000_000,
      default: 5,
      description: "starts in a row that may fail before a child is given up",
    },
    heartbeatTimeout: {
      type: "integer",
      minimum: 100,
      maximum: 3_600_000,
      default: 30_000,
      description: "milliseconds within which a child's event loop has to answer; else the child is killed",
    },
    nodePath: {
      "x-kind": "path",
      description: "the Node that runs the children",
      "x-default": "the one that runs this program",
    },
  },
} as const satisfies ObjectSchema;

export const PoolSchema = {
  type: "object",
  title: "EnginePool.create options",
  additionalProperties: false,
  properties: {
    ...LoadSchema.properties,
    threads: { ...LoadSchema.properties.threads, description: "threads of each child", "x-default": "`coresPerChild`" },
    concurrency: {
      ...LoadSchema.properties.concurrency,
      description: "calls that advance together in each child; those behind them wait in the pool",
    },
    maxQueue: {
      ...LoadSchema.properties.maxQueue,
      description: "calls that may wait while as many run as the children take; one more is refused with ERR_IPA_BUSY",
    },
    ...ChildrenSchema.properties,
  },
} as const satisfies ObjectSchema;
