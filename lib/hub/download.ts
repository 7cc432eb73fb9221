/** Files of one commit into the cache. */
import { fileError } from "../errors";
import type { RepoCache } from "./cache";
import type { HubClient, HubFile } from "./client";
import type { HubSession } from "./session";
import { fetchBlob } from "./transfer";

/** Between two reports of one file, in bytes. */
const REPORT_EVERY = 1 << 20;

/** What is wanted of a repository. */
export interface Wanted {
  repo: string;
  revision: string;
  /** where the revision is now */
  commit: string;
  files: readonly HubFile[];
}

/**
 * Fetches what the cache does not have, one file after the other, and puts it under its name in the snapshot. The cache then has the
 * commit under the revision's name.
 * @throws HubError; IpAdapterError ERR_IPA_IO; session.signal's reason
 */
export async function download(
  session: HubSession,
  client: HubClient,
  cache: RepoCache,
  { repo, revision, commit, files }: Wanted,
): Promise<void> {
  const wanted: HubFile[] = [];
  for (const file of files) if (!(await cache.holds(commit, file.path, file.size))) wanted.push(file);
  const size = wanted.reduce((sum, file) => sum + file.size, 0);
  let before = 0;
  for (const file of wanted) {
    session.throwIfAborted();
    let reported = -1;
    const report = (bytes: number): void => {
      if (bytes < file.size && bytes - reported < REPORT_EVERY && reported >= 0) return;
      if (bytes === reported) return;
      reported = bytes;
      session.report({
        type: "download",
        repo,
        commit,
        file: file.path,
        fileBytes: bytes,
        fileSize: file.size,
        bytes: before + bytes,
        size,
      });
    };
    const blob = cache.blob(file.etag);
    await fetchBlob({
      repo,
      file,
      blob,
      open: (start) => client.open(commit, file.path, start),
      broken: (error) => client.broken(error),
      report,
      signal: session.signal,
    });
    report(file.size);
    await inCache(cache.place(commit, file.path, file.etag), cache);
    before += file.size;
  }
  session.throwIfAborted();
  await inCache(cache.setCommit(revision, commit), cache);
}

/** Work on the cache's own files, with failures that say where. */
export async function inCache<T>(work: Promise<T>, cache: RepoCache): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw fileError("cache of the hub", cache.folder, error);
  }
}
