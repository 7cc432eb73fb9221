import { constants, type FileHandle, open } from "node:fs/promises";
import type { Stats } from "node:fs";

import { type AbortSignalLike, throwIfAborted } from "./abort-signal";

/** Thrown for what is there but no file: a folder, a pipe, a device. */
export class NotAFileError extends Error {
  constructor(readonly isFolder: boolean) {
    super(isFolder ? "is a folder" : "is not a regular file");
  }
}

/** Thrown for a file of more bytes than are read. */
export class TooLargeError extends Error {
  constructor(readonly most: number) {
    super(`has more than ${most} bytes, the most that are read`);
  }
}

/** Bytes of a configuration file; the largest known have a tenth of it. */
export const MOST_CONFIG_BYTES = 4 * 1024 * 1024;
const PIECE = 1024 * 1024;

/**
 * Opens a regular file to read it. Opening never waits: a named pipe without a writer would hold one of the few threads that
 * Node keeps for files, and the exit of the process with it.
 * @throws NotAFileError
 */
export async function withRegularFile<T>(
  path: string,
  read: (file: FileHandle, status: Stats) => Promise<T>,
): Promise<T> {
  // O_NONBLOCK is missing on Windows, where the type says otherwise.
  const flags = constants.O_RDONLY | ((constants.O_NONBLOCK as number | undefined) ?? 0);
  const file: FileHandle = await open(path, flags);
  try {
    const status = await file.stat();
    if (!status.isFile()) throw new NotAFileError(status.isDirectory());
    return await read(file, status);
  } finally {
    await file.close();
  }
}

/**
 * The whole of a regular file.
 * @param check may throw on what the file's status says, before it is read
 */
export async function readRegularFile(path: string, check?: (status: Stats) => void): Promise<Buffer> {
  return withRegularFile(path, async (file, status) => {
    check?.(status);
    return file.readFile();
  });
}

/**
 * The same with a bound, whatever the status says: files grow, and those of /proc have no size.
 * @throws NotAFileError, TooLargeError, signal.reason
 */
export async function readSmallFile(path: string, most: number, signal?: AbortSignalLike): Promise<Buffer> {
  return withRegularFile(path, async (file, { size }) => {
    if (size > most) throw new TooLargeError(most);
    const pieces: Buffer[] = [];
    let length = 0;
    for (;;) {
      throwIfAborted(signal);
      // One more byte than the status says, to meet the end without another read.
      const piece = Buffer.allocUnsafe(Math.min(PIECE, Math.max(4096, size - length + 1)));
      const { bytesRead } = await file.read(piece, 0, piece.length);
      if (bytesRead === 0) break;
      length += bytesRead;
      if (length > most) throw new TooLargeError(most);
      pieces.push(piece.subarray(0, bytesRead));
    }
    return pieces.length === 1 ? (pieces[0] ?? Buffer.alloc(0)) : Buffer.concat(pieces);
  });
}
