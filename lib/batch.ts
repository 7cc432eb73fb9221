/** Several calls of generate() in one: all are checked before the first runs, and their results come in order. */
import { throwIfAborted, type AbortSignalLike } from "./abort-signal";
import { IpAdapterError, OptionError } from "./errors";
import { lazily } from "./load-failure";
import { readList } from "./options/read-list";
import { isList, readProperty } from "./options/read-property";
import { readOptions } from "./options/validate";
import { describe } from "./options/describe";
import type { ProgressEvent } from "./progress";
import type { GenerateResult } from "./types";

const schemas = lazily(() => require("./options/generate-schema") as typeof import("./options/generate-schema"));

export interface BatchOptions {
  /** cancels the batch, which then rejects with signal.reason */
  signal?: AbortSignalLike | undefined;
  /** called after every step; an error it throws cancels the batch, which then rejects with it */
  onProgress?: ((event: BatchProgressEvent) => unknown) | undefined;
}

export interface BatchProgressEvent extends ProgressEvent {
  /** index of the item, of how many; the other fields are about the item's own call */
  item: number;
  items: number;
}

/** An item of a batch failed. Those before it are done, those behind it were not run. */
export class BatchError extends IpAdapterError {
  /** index of the item */
  readonly item: number;
  /** of the items before it */
  readonly results: GenerateResult[];

  constructor(item: number, cause: IpAdapterError, results: GenerateResult[]) {
    super(cause.code, `items[${item}]: ${cause.message}`, { cause });
    this.item = item;
    this.results = results;
  }

  static {
    Object.defineProperty(this.prototype, "name", { value: "BatchError", configurable: true, writable: true });
  }
}

/** Items of one batch. */
const MOST_ITEMS = 1024;

/** What one item is started with. */
export interface ItemWatch {
  signal: AbortSignalLike | undefined;
  onProgress: ((event: ProgressEvent) => unknown) | undefined;
}

/** @param plan checks an item and copies what it holds; what it returns runs it */
export async function runBatch(
  items: unknown,
  options: BatchOptions,
  plan: (item: unknown, watch: ItemWatch) => () => Promise<GenerateResult>,
): Promise<GenerateResult[]> {
  const { signal, onProgress } = readOptions(schemas().BatchSchema, options);
  throwIfAborted(signal);
  if (!isList(items, "items"))
    throw new OptionError("items", `expected an array of options of generate() but received ${describe(items)}`);
  const list = readList(items, "items", { minimum: 1, maximum: MOST_ITEMS });
  const watch = (item: number): ItemWatch["onProgress"] =>
    onProgress && ((event): unknown => onProgress({ ...event, item, items: list.length }));
  const starts = list.map((item, i) => {
    try {
      refuseOwn(item);
      return plan(item, { signal, onProgress: watch(i) });
    } catch (error) {
      throw error instanceof OptionError ? inItem(error, i) : error;
    }
  });
  const results: GenerateResult[] = [];
  for (const [i, start] of starts.entries()) {
    try {
      results.push(await start());
    } catch (error) {
      throw error instanceof IpAdapterError ? new BatchError(i, error, results) : error;
    }
  }
  return results;
}

/** What watches and stops is the batch's. */
function refuseOwn(item: unknown): void {
  if (typeof item !== "object" || item === null) return;
  for (const name of ["signal", "onProgress"])
    if (readProperty(item, name, name) !== undefined)
      throw new OptionError(
        name,
        "it is one for the whole batch: pass it as generateBatch(items, { signal, onProgress })",
      );
}

/** The same error, about an option of an item. */
function inItem(error: OptionError, i: number): OptionError {
  const problem = error.message.startsWith(`${error.option}: `)
    ? error.message.slice(error.option.length + 2)
    : error.message;
  const option = error.option === "" ? `items[${i}]` : `items[${i}].${error.option}`;
  return new OptionError(option, problem, { cause: error, code: error.code });
}
