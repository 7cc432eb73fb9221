/**
 * One repository in the cache that Python's huggingface_hub keeps too: blobs/ by checksum, refs/ with a commit each, and
 * snapshots/COMMIT/ with the files under their names, as links to blobs.
 */
import { randomUUID } from "node:crypto";
import { copyFile, link, mkdir, readFile, readdir, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";

import { systemCode } from "../errors";

export const COMMIT = /^[0-9a-f]{40}$/;

/** How a file of a snapshot comes to be; tests try each. */
export type Placing = (blob: string, file: string) => Promise<void>;

/** Symbolic links as Python makes them; where the system refuses, another name of the same file, or a copy. */
export const PLACINGS: readonly Placing[] = [
  (blob, file) => symlink(relative(dirname(file), blob), file, "file"),
  (blob, file) => link(blob, file),
  (blob, file) => copyFile(blob, file),
];

export class RepoCache {
  readonly folder: string;

  constructor(cache: string, repo: string) {
    this.folder = join(cache, `models--${repo.replace("/", "--")}`);
  }

  /** The commit that a revision was at when it was last fetched. */
  async commit(revision: string): Promise<string | undefined> {
    if (COMMIT.test(revision)) return revision;
    const text = await absent(readFile(join(this.folder, "refs", revision), "utf8"));
    const commit = text?.trim();
    return commit !== undefined && COMMIT.test(commit) ? commit : undefined;
  }

  snapshot(commit: string): string {
    return join(this.folder, "snapshots", commit);
  }

  /** Path of a file or folder of the repository. */
  file(commit: string, path: string): string {
    return join(this.snapshot(commit), ...path.split("/"));
  }

  blob(etag: string): string {
    return join(this.folder, "blobs", etag);
  }

  /** Files that are there, by their paths in the repository; links that lead nowhere are none. */
  async list(commit: string): Promise<string[]> {
    const names = (await absent(readdir(this.snapshot(commit), { recursive: true }))) ?? [];
    const paths = names.map((name) => name.split(sep).join("/"));
    const sizes = await Promise.all(paths.map((path) => fileSize(this.file(commit, path))));
    return paths.filter((_, i) => sizes[i] !== undefined);
  }

  /** Whether a file is there in full. */
  async holds(commit: string, path: string, size: number): Promise<boolean> {
    return (await fileSize(this.file(commit, path))) === size;
  }

  /** Puts a blob that is there under its name, at once or not at all. */
  async place(commit: string, path: string, etag: string, placings: readonly Placing[] = PLACINGS): Promise<void> {
    const file = this.file(commit, path);
    const temporary = join(dirname(file), `.${randomUUID()}.tmp`);
    await mkdir(dirname(file), { recursive: true });
    for (const [i, placing] of placings.entries()) {
      try {
        await placing(this.blob(etag), temporary);
        await rename(temporary, file);
        return;
      } catch (error) {
        await rm(temporary, { force: true });
        if (i === placings.length - 1 || systemCode(error) === "ENOSPC") throw error;
      }
    }
  }

  /** Notes where a revision is, once its files are there. */
  async setCommit(revision: string, commit: string): Promise<void> {
    if (revision === commit || (await this.commit(revision)) === commit) return;
    const file = join(this.folder, "refs", ...revision.split("/"));
    const temporary = `${file}.${randomUUID()}.tmp`;
    await mkdir(dirname(file), { recursive: true });
    await writeFile(temporary, commit);
    await rename(temporary, file);
  }
}

/** undefined for what is no file */
export async function fileSize(path: string): Promise<number | undefined> {
  const status = await absent(stat(path));
  return status?.isFile() === true ? status.size : undefined;
}

async function absent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error))) return undefined;
    throw error;
  }
}
