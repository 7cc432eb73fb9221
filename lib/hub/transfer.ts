/** One file from the hub to its blob: into BLOB.incomplete, resumed where an earlier attempt ended, checked, then renamed. */
import { createHash, type Hash } from "node:crypto";
import { constants, mkdir, open, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";

import { abortable } from "../abortable";
import { HubError, fileError, systemCode } from "../errors";
import { fileSize } from "./cache";
import type { HubFile } from "./client";

export interface Transfer {
  repo: string;
  file: HubFile;
  /** where the whole file goes */
  blob: string;
  open: (start: number) => Promise<Response>;
  /** what a broken connection is for the caller */
  broken: (error: unknown) => HubError;
  /** bytes of the file that are there */
  report: (bytes: number) => void;
  signal: AbortSignal;
}

/** Blobs that calls of this process are fetching. Other processes may write the same bytes to the same places, which does no harm. */
const running = new Map<string, Promise<void>>();

/**
 * Does nothing when the blob is there; waits when another call fetches it.
 * @throws HubError; IpAdapterError ERR_IPA_IO; signal.reason
 */
export async function fetchBlob(transfer: Transfer): Promise<void> {
  const { blob, file, signal } = transfer;
  for (let other = running.get(blob); other !== undefined; other = running.get(blob)) {
    await abortable(
      other.catch(() => undefined),
      signal,
    );
  }
  const work = (async () => {
    if ((await fileSize(blob)) !== file.size) await fetchAnew(transfer);
  })();
  running.set(blob, work);
  try {
    await work;
  } finally {
    running.delete(blob);
  }
}

async function fetchAnew(transfer: Transfer): Promise<void> {
  const { blob } = transfer;
  const part = `${blob}.incomplete`;
  try {
    await mkdir(dirname(blob), { recursive: true });
    let outcome = await receive(transfer, part);
    // What an earlier attempt left may have been damaged since: once more, from the start.
    if (!outcome.right && outcome.resumed) outcome = await receive(transfer, part);
    if (!outcome.right) {
      throw new HubError(
        "ERR_IPA_CHECKSUM",
        `${transfer.file.path} of ${transfer.repo} arrived with other bytes than the hub lists for it, and was not kept: try again, and check HF_ENDPOINT and proxies`,
        {
          repo: transfer.repo,
        },
      );
    }
    await rename(part, blob).catch(async (error: unknown) => {
      // Another process was faster.
      if (systemCode(error) !== "ENOENT" || (await fileSize(blob)) !== transfer.file.size) throw error;
    });
  } catch (error) {
    if (error instanceof HubError || transfer.signal.aborted) throw error;
    throw fileError("download", part, error);
  }
}

/** @returns whether the file is there and right; if it is not, the part has been removed */
async function receive(transfer: Transfer, part: string): Promise<{ right: boolean; resumed: boolean }> {
  const handle = await open(part, constants.O_RDWR | constants.O_CREAT, 0o666);
  let right: boolean;
  let resumed: boolean;
  try {
    const progress = new Progress(transfer.file, handle);
    resumed = await progress.resume();
    while (progress.bytes < transfer.file.size && !progress.tooLong) {
      const before = progress.bytes;
      try {
        await append(transfer, progress);
      } catch (error) {
        // A connection that brought something is worth another.
        if (
          transfer.signal.aborted ||
          !(error instanceof HubError) ||
          error.status !== undefined ||
          progress.bytes <= before
        )
          throw error;
      }
    }
    right = !progress.tooLong && progress.matches();
    if (right) await handle.datasync();
    else await remove(part, transfer.blob, handle);
  } finally {
    await handle.close();
  }
  return { right, resumed };
}

/** Also under its final name, if another process has put it there in the meantime. */
async function remove(part: string, blob: string, handle: FileHandle): Promise<void> {
  const [{ ino }, there] = await Promise.all([handle.stat(), stat(blob).catch(() => undefined)]);
  await rm(part, { force: true });
  if (there?.ino === ino) await rm(blob, { force: true });
}

async function append(transfer: Transfer, progress: Progress): Promise<void> {
  const start = progress.bytes;
  const response = await transfer.open(start);
  // A server without ranges sends everything again.
  const isRest =
    response.status === 206 && Number(/^bytes (\d+)-/.exec(response.headers.get("Content-Range") ?? "")?.[1]) === start;
  if (start > 0 && !isRest) progress.restart();
  for await (const chunk of chunksOf(response, transfer)) {
    await progress.add(chunk);
    transfer.report(progress.bytes);
    if (progress.tooLong) return;
  }
  if (progress.bytes <= start && progress.bytes < transfer.file.size)
    throw transfer.broken(new Error("the answer ended early"));
}

async function* chunksOf(response: Response, transfer: Transfer): AsyncGenerator<Uint8Array> {
  try {
    if (response.body !== null) yield* response.body as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw transfer.signal.aborted ? transfer.signal.reason : transfer.broken(error);
  }
}

/** The bytes on disk and their checksum, which grow together. */
class Progress {
  bytes = 0;
  tooLong = false;
  readonly #file: HubFile;
  readonly #handle: FileHandle;
  #hash: Hash;

  constructor(file: HubFile, handle: FileHandle) {
    this.#file = file;
    this.#handle = handle;
    this.#hash = newHash(file);
  }

  /** Takes over what is there. */
  async resume(): Promise<boolean> {
    const { size } = await this.#handle.stat();
    if (size > this.#file.size) await this.#handle.truncate(0);
    const buffer = new Uint8Array(1 << 20);
    while (this.bytes < this.#file.size) {
      const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, this.bytes);
      if (bytesRead === 0) break;
      this.#hash.update(buffer.subarray(0, bytesRead));
      this.bytes += bytesRead;
    }
    return this.bytes > 0;
  }

  /** What is on disk stays until it is written over: another process may count on it. */
  restart(): void {
    this.#hash = newHash(this.#file);
    this.bytes = 0;
  }

  async add(chunk: Uint8Array): Promise<void> {
    this.tooLong = this.bytes + chunk.length > this.#file.size;
    if (this.tooLong) return;
    for (let from = 0; from < chunk.length;)
      from += (await this.#handle.write(chunk, from, chunk.length - from, this.bytes + from)).bytesWritten;
    this.#hash.update(chunk);
    this.bytes += chunk.length;
  }

  matches(): boolean {
    return this.#hash.digest("hex") === this.#file.etag;
  }
}

/** Large files are known by their sha256, the others by git's sha1 of a blob. */
function newHash({ etag, size }: HubFile): Hash {
  return etag.length === 64 ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
}
