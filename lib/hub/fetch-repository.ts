/** The work of pull(). */
import { HubError, OptionError } from "../errors";
import type { CallSite } from "../native/call";
import { describe } from "../options/describe";
import type { PullOptions, PullResult } from "../types";
import { RepoCache } from "./cache";
import { download } from "./download";
import { chooseFiles, chooseReadable } from "./files";
import { globToRegExp, matchesAny } from "./glob";
import { type HubName, isRevision, parseHubName } from "./name";
import { HubSession } from "./session";

/** @param read the options of pull(), checked */
export async function fetchRepository(name: string, read: PullOptions, site: CallSite): Promise<PullResult> {
  const { repo, revision, path } = readName(name, read.revision);
  const include = read.include?.map((pattern, i) => readGlob(pattern, `include[${i}]`));
  const exclude = (read.exclude ?? []).map((pattern, i) => readGlob(pattern, `exclude[${i}]`));
  const session = new HubSession(read);
  try {
    session.throwIfAborted();
    if (session.offline !== undefined)
      throw new HubError("ERR_IPA_OFFLINE", `${repo}: ${session.offline} forbids fetching anything: pull without it`, {
        repo,
      });
    const cache = new RepoCache(session.cache, repo);
    const client = await session.client(repo);
    const commit = await client.commit(revision);
    const listed = await client.list(commit);
    const paths = listed.map((file) => file.path);
    const inside = paths.filter((file) => path === "" || file === path || file.startsWith(`${path}/`));
    const chosen = new Set(
      (include === undefined ? choose(paths, inside, path) : inside.filter((file) => matchesAny(file, include))).filter(
        (file) => !matchesAny(file, exclude),
      ),
    );
    if (chosen.size === 0)
      throw new HubError(
        "ERR_IPA_NOT_FOUND",
        `${repo} at ${revision} has no file that is wanted here: check the path, include and exclude`,
        { repo },
      );
    const files = listed.filter((file) => chosen.has(file.path));
    await download(session, client, cache, { repo, revision, commit, files });
    return {
      path: path === "" ? cache.snapshot(commit) : cache.file(commit, path),
      commit,
      files: paths.filter((file) => chosen.has(file)),
    };
  } catch (error) {
    throw error instanceof HubError ? site.attach(error) : error;
  } finally {
    session.end();
  }
}

/** What the engine reads of a model or network; all that it could read of anything else. */
function choose(paths: readonly string[], inside: readonly string[], path: string): readonly string[] {
  const { files, missing } = chooseFiles(paths, path, "any");
  return missing.length === 0 ? files : chooseReadable(inside);
}

/** Characters; those of a path in the repository are most of them. */
const MOST_NAME = 32 * 1024;

function readName(text: unknown, revision: string | undefined): HubName {
  const name = typeof text === "string" && text.length <= MOST_NAME ? parseHubName(text) : undefined;
  if (name === undefined)
    throw new OptionError(
      "name",
      `expected owner/name of a repository on the hub, perhaps with @revision and /path, but received ${describe(text)}`,
    );
  if (revision === undefined) return name;
  if (!isRevision(revision))
    throw new OptionError("revision", `expected a branch, tag or commit but received ${describe(revision)}`);
  if (name.revision !== "main" && name.revision !== revision)
    throw new OptionError("revision", `${describe(text)} names another one already: leave one out`);
  return { ...name, revision };
}

function readGlob(pattern: string, option: string): RegExp {
  try {
    return globToRegExp(pattern);
  } catch (error) {
    throw new OptionError(
      option,
      `expected a pattern such as unet/* but received ${describe(pattern)}, whose brackets mean nothing`,
      { cause: error },
    );
  }
}
