import { constants, type FileHandle, open } from "node:fs/promises";
import type { Stats } from "node:fs";

/** Thrown for what is there but no file: a folder, a pipe, a device. */
export class NotAFileError extends Error {
  constructor(readonly isFolder: boolean) {
    super(isFolder ? "is a folder" : "is not a regular file");
  }
}

/**
 * The whole of a regular file. Opening never waits: a named pipe without a writer would hold one of the few threads that
 * Node keeps for files, and the exit of the process with it.
 * @param check may throw on what the file's status says, before it is read
 */
export async function readRegularFile(path: string, check?: (status: Stats) => void): Promise<Buffer> {
  // O_NONBLOCK is missing on Windows, where the type says otherwise.
  const flags = constants.O_RDONLY | ((constants.O_NONBLOCK as number | undefined) ?? 0);
  const file: FileHandle = await open(path, flags);
  try {
    const status = await file.stat();
    if (!status.isFile()) throw new NotAFileError(status.isDirectory());
    check?.(status);
    return await file.readFile();
  } finally {
    await file.close();
  }
}
