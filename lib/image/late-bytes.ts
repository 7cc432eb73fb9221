/** Pictures whose bytes come later: Blobs and Files, web ReadableStreams, Node.js Readables. */
import { setImmediate } from "node:timers/promises";
import { types } from "node:util";

import { abortable } from "../abortable";
import { ImageError, OptionError, messageOf } from "../errors";
import type { AbortSignalLike } from "../abort-signal";
import { describe } from "../options/describe";
import { bytesOf } from "../options/read-memory";
import { IMAGE_LIMITS } from "./limits";

/** What of a web ReadableStream is used; those of other libraries and realms will do. */
export interface WebStreamLike {
  readonly locked: boolean;
  getReader(): { read(): Promise<{ done: boolean; value?: unknown }>; cancel(reason?: unknown): Promise<void> };
  cancel(reason?: unknown): Promise<void>;
}

/** What of a Blob or File is used. */
export interface BlobLike {
  readonly size: number;
  stream(): WebStreamLike;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** What of a Node.js Readable is used; it is destroyed when the call does not want all of it. */
export interface NodeStreamLike extends AsyncIterable<unknown> {
  readonly readable: boolean;
  pipe: unknown;
  destroy(error?: Error): unknown;
}

/** Reads all of it; called once. @throws ImageError, OptionError, or signal.reason */
export type LateBytes = (signal: AbortSignalLike | undefined) => Promise<Uint8Array>;

/** What a stream of any kind is read through. */
interface Chunks {
  next: () => Promise<{ done?: boolean | undefined; value?: unknown }>;
  /** makes its producer stop */
  stop: () => void;
}

/** Chunks between two turns of the event loop, which a stream that is always ready would never leave otherwise. */
const CHUNKS_A_TURN = 256;

/**
 * undefined: none of these. Nothing is read yet: a Blob cannot change, and a stream belongs to this call from then on.
 * @throws OptionError, ImageError for what could never be read
 */
export function lateBytes(input: object, option: string): LateBytes | undefined {
  try {
    const open = chunksOf(input, option);
    return open === undefined ? undefined : (signal) => drain(open, option, signal);
  } catch (error) {
    if (error instanceof ImageError || error instanceof OptionError) throw error;
    throw new OptionError(option, `reading it threw an error (${messageOf(error)}): pass its bytes`, { cause: error });
  }
}

/** By what an object can do, so that those of another realm or a polyfill will do. */
function kindOf(input: object): "blob" | "web" | "node" | undefined {
  const can = (name: string | symbol): boolean =>
    typeof (input as Record<string | symbol, unknown>)[name] === "function";
  if (can("stream") && can("arrayBuffer")) return "blob";
  if (can("getReader") && can("cancel")) return "web";
  return can("pipe") && can("destroy") && can(Symbol.asyncIterator) ? "node" : undefined;
}

/** Whether it is one of these. May throw what the object's getters do. */
export const isLate = (input: object): boolean => kindOf(input) !== undefined;

function chunksOf(input: object, option: string): (() => Chunks) | undefined {
  switch (kindOf(input)) {
    case "blob": {
      const { size } = input as BlobLike;
      if (size === 0) throw new ImageError("ERR_IPA_IMAGE_FORMAT", `${option}: the Blob is empty`);
      if (size > IMAGE_LIMITS.encodedBytes) throw tooLong(option);
      return () => webChunks((input as BlobLike).stream());
    }
    case "web":
      if ((input as WebStreamLike).locked)
        throw new OptionError(
          option,
          "the ReadableStream is locked, it can be read once by one reader: pass its bytes",
        );
      return () => webChunks(input as WebStreamLike);
    case "node":
      if ((input as { readable: unknown }).readable !== true)
        throw new OptionError(option, "the stream has ended or was destroyed, it can be read once: pass its bytes");
      return () => nodeChunks(input as NodeStreamLike);
    default:
      return undefined;
  }
}

function webChunks(stream: WebStreamLike): Chunks {
  const reader = stream.getReader();
  return { next: () => reader.read(), stop: () => void reader.cancel().catch(() => undefined) };
}

function nodeChunks(stream: NodeStreamLike): Chunks {
  const iterator = stream[Symbol.asyncIterator]();
  return { next: () => iterator.next(), stop: () => void stream.destroy() };
}

async function drain(open: () => Chunks, option: string, signal: AbortSignalLike | undefined): Promise<Uint8Array> {
  let chunks: Chunks | undefined;
  const stop = (): void => {
    try {
      chunks?.stop();
    } catch {
      // Whatever a stream says to that, there is a better reason already.
    }
  };
  signal?.addEventListener("abort", stop);
  try {
    chunks = open();
    return await abortable(collect(chunks, option), signal);
  } catch (error) {
    stop();
    if (signal?.aborted === true) throw signal.reason;
    if (error instanceof ImageError || error instanceof OptionError) throw error;
    throw new ImageError("ERR_IPA_IO", `${option}: reading it failed: ${messageOf(error)}`, { cause: error });
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

async function collect(chunks: Chunks, option: string): Promise<Uint8Array> {
  // Chunks are copied at once, many small ones into one buffer: what they cost beside their bytes is bounded too.
  let bytes = new Uint8Array(64 * 1024);
  let length = 0;
  for (let i = 1; ; i++) {
    const { done, value } = await chunks.next();
    if (done === true) break;
    const chunk = readChunk(value, option);
    if (length + chunk.length > IMAGE_LIMITS.encodedBytes) throw tooLong(option);
    if (length + chunk.length > bytes.length) {
      const larger = new Uint8Array(Math.max(length + chunk.length, 2 * bytes.length));
      larger.set(bytes.subarray(0, length));
      bytes = larger;
    }
    bytes.set(chunk, length);
    length += chunk.length;
    if (i % CHUNKS_A_TURN === 0) await setImmediate();
  }
  if (length === 0)
    throw new ImageError("ERR_IPA_IMAGE_FORMAT", `${option}: no bytes (the stream was empty, or had been read before)`);
  return bytes.slice(0, length);
}

function readChunk(value: unknown, option: string): Uint8Array {
  if (types.isUint8Array(value) || types.isAnyArrayBuffer(value)) return bytesOf(value);
  const fix = typeof value === "string" ? "leave out setEncoding() and TextDecoderStream" : "pass a stream of bytes";
  throw new OptionError(option, `expected a stream of bytes (Uint8Array) but it gave ${describe(value)}: ${fix}`);
}

function tooLong(option: string): ImageError {
  return new ImageError(
    "ERR_IPA_IMAGE_LIMIT",
    `${option}: more than ${IMAGE_LIMITS.encodedBytes} encoded bytes, the most that are read: make the picture smaller`,
  );
}
