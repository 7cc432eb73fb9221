/** From a name on the hub to a place on disk: what the cache holds whole is used without a question, the rest is fetched. */
import { HubError } from "../errors";
import { MOST_CONFIG_BYTES, readSmallFile } from "../read-file";
import { RepoCache } from "./cache";
import { download, inCache } from "./download";
import { type Choice, type Parts, type Want, chooseFiles, declaredParts } from "./files";
import { type HubName, formatHubName, isWeightFile } from "./name";
import type { HubSession } from "./session";

/**
 * @param skip parts of a model that come from elsewhere
 * @returns an absolute path in the cache
 * @throws HubError; IpAdapterError ERR_IPA_IO; session.signal's reason
 */
export async function resolveHubName(session: HubSession, name: HubName, want: Want, skip: Parts): Promise<string> {
  const { repo, revision, path } = name;
  const cache = new RepoCache(session.cache, repo);
  const held = await inCache(cache.commit(revision), cache);
  const choice = held === undefined ? undefined : await inCache(chooseHeld(cache, held, path, want, skip), cache);
  if (held !== undefined && choice?.missing.length === 0) return cache.file(held, path);
  if (session.offline !== undefined) throw notHeld(session, cache, name, choice);

  const client = await session.client(repo);
  const commit = await client.commit(revision);
  const listed = await client.list(commit);
  const paths = listed.map((file) => file.path);
  const wanted = chooseFiles(paths, path, want, skip);
  if (wanted.missing.length > 0) throw unusable(name, want, wanted, paths);
  const chosen = new Set(wanted.files);
  const files = listed.filter((file) => chosen.has(file.path));
  await download(session, client, cache, { repo, revision, commit, files });
  return cache.file(commit, path);
}

async function chooseHeld(cache: RepoCache, commit: string, path: string, want: Want, skip: Parts): Promise<Choice> {
  const files = await cache.list(commit);
  const index = path === "" ? "model_index.json" : `${path}/model_index.json`;
  const declared = files.includes(index)
    ? declaredParts((await readSmallFile(cache.file(commit, index), MOST_CONFIG_BYTES)).toString("utf8"))
    : undefined;
  return chooseFiles(files, path, want, skip, declared);
}

function notHeld(session: HubSession, cache: RepoCache, name: HubName, choice: Choice | undefined): HubError {
  const held = choice === undefined ? "nothing" : `not ${some(choice.missing)}`;
  const again = session.offline === "HF_HUB_OFFLINE" ? "without HF_HUB_OFFLINE" : "without offline";
  return new HubError(
    "ERR_IPA_OFFLINE",
    `the cache ${cache.folder} holds ${held} of ${formatHubName({ ...name, path: "" })}, and ${session.offline ?? ""} forbids fetching it: run node-ip-adapter pull ${formatHubName(name)} with a network, or try again ${again}`,
    { repo: name.repo },
  );
}

function unusable(name: HubName, want: Want, choice: Choice, paths: readonly string[]): HubError {
  const weights = paths.filter(isWeightFile).map((path) => formatHubName({ ...name, path }));
  const others = weights.length === 0 ? "it holds no weight file" : `its weight files are ${some(weights, 8)}`;
  const what =
    isWeightFile(name.path) || want === "file"
      ? ""
      : want === "model"
        ? " as a model in the diffusers layout"
        : " as a network's folder";
  return new HubError(
    "ERR_IPA_NOT_FOUND",
    `${formatHubName(name)} cannot be used${what}, ${some(choice.missing)} is not there: ${others}`,
    { repo: name.repo },
  );
}

function some(list: readonly string[], count = 3): string {
  return list.length <= count ? list.join(", ") : `${list.slice(0, count).join(", ")} and ${list.length - count} more`;
}
