/** Names of things on the Hugging Face hub: `owner/name`, `owner/name@revision`, each with a path in the repository behind it. */

export interface HubName {
  /** `owner/name` */
  repo: string;
  /** branch, tag or commit; "main" when the name gives none */
  revision: string;
  /** file or folder in the repository, with slashes; "" for its top */
  path: string;
}

const NAME = /^(?:\w|\w[\w.-]{0,94}\w)$/;
// A revision's slashes cannot be told from those of a path, but for the hub's own refs/pr/1 and refs/convert/x.
const AT_REVISION = /^([^/@]+\/[^/@]+)(?:@(refs\/[^/@]+\/[^/@]+|[^/@]+))?(?:\/(.+))?$/s;
const WEIGHT_FILE = /\.(?:safetensors|ckpt|gguf|bin|pt|pth|patch)$/i;

/** undefined for what can only be a path; whether such a path exists is not asked. */
export function parseHubName(text: string): HubName | undefined {
  const [, repo = "", revision = "main", path = ""] = AT_REVISION.exec(text) ?? [];
  if (!isRepo(repo) || !isRevision(revision) || (path !== "" && !isPathInRepo(path))) return undefined;
  return { repo, revision, path };
}

/** The name of what a page or file of huggingface.co shows. */
export function hubNameOfUrl(href: string): HubName | undefined {
  const [, repo = "", revision, path] =
    /^https?:\/\/(?:www\.)?(?:huggingface\.co|hf\.co)\/([^/?#]+\/[^/?#]+)(?:\/(?:blob|resolve|tree)\/([^/?#]+)(?:\/([^?#]+))?)?/i.exec(
      href,
    ) ?? [];
  return parseHubName(`${repo}${revision === undefined ? "" : `@${revision}`}${path === undefined ? "" : `/${path}`}`);
}

/** By the hub's rules; a name that ends as weight files do is a path that somebody mistyped. */
function isRepo(repo: string): boolean {
  return (
    repo !== "" &&
    repo.split("/").every((part) => NAME.test(part)) &&
    !/--|\.\.|\.git$/.test(repo) &&
    !WEIGHT_FILE.test(repo)
  );
}

/** It becomes the name of a file in the cache. */
export function isRevision(revision: string): boolean {
  return /^\w[\w.+-]*(?:\/\w[\w.+-]*)*$/.test(revision) && !revision.includes("..");
}

// eslint-disable-next-line no-control-regex -- that is what it looks for
const FORBIDDEN = /[\\:\u0000-\u001f]/;

/** A relative path that stays in its folder on every system; what the hub lists is checked too. */
export function isPathInRepo(path: string): boolean {
  if (FORBIDDEN.test(path)) return false;
  return path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

export function isWeightFile(path: string): boolean {
  return WEIGHT_FILE.test(path);
}

/** The name as one writes it. */
export function formatHubName({ repo, revision, path }: HubName): string {
  return `${repo}${revision === "main" ? "" : `@${revision}`}${path === "" ? "" : `/${path}`}`;
}
