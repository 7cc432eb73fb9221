/** What is asked of the hub: which commit, which files, their bytes. Every failure becomes a HubError. */
import { HubError, InstallError, messageOf, systemCode } from "../errors";
import { loadPackage } from "../load-failure";
import { requirePackage } from "../require-package";
import { COMMIT } from "./cache";
import { isPathInRepo } from "./name";

/** A file as the hub lists it. */
export interface HubFile {
  path: string;
  size: number;
  /** sha256 of a large file, else git's sha1; the name of its blob in the cache */
  etag: string;
}

/** More files than any model has. */
const MAX_FILES = 100_000;

type FetchInput = Parameters<typeof fetch>[0];
type HubPackage = typeof import("@huggingface/hub");

/** @huggingface/hub, loaded at first need: models on disk work without it. */
function loadHub(): HubPackage {
  const missing = (error: unknown): InstallError =>
    new InstallError(
      "ERR_IPA_HUB_MISSING",
      `@huggingface/hub, which lists what a repository holds, cannot be loaded: ${messageOf(error)}: npm install @huggingface/hub, or pass files and folders on disk`,
      { cause: error },
    );
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const load = (): HubPackage => require("@huggingface/hub") as HubPackage;
  loaded ??= loadPackage(
    "@huggingface/hub, which lists what a repository holds,",
    () => requirePackage("@huggingface/hub", load),
    missing,
  );
  return loaded;
}

let loaded: HubPackage | undefined;

export class HubClient {
  readonly #endpoint: string;
  readonly #repo: string;
  readonly #token: string | undefined;
  readonly #signal: AbortSignal;

  constructor(endpoint: string, repo: string, token: string | undefined, signal: AbortSignal) {
    this.#endpoint = endpoint;
    this.#repo = repo;
    this.#token = token;
    this.#signal = signal;
  }

  /** The commit a branch or tag is at. */
  async commit(revision: string): Promise<string> {
    const { modelInfo } = loadHub();
    const { sha } = await this.#read(
      modelInfo({
        name: this.#repo,
        revision,
        additionalFields: ["sha"],
        hubUrl: this.#endpoint,
        fetch: (url, init) => this.#fetch(url, init, `revision ${revision}`),
      }),
    );
    // It becomes the name of a folder.
    if (typeof sha !== "string" || !COMMIT.test(sha)) throw this.#strange(`no commit for revision ${revision}`);
    return sha;
  }

  async list(commit: string): Promise<HubFile[]> {
    const { listFiles } = loadHub();
    const fetch = (url: FetchInput, init?: RequestInit): Promise<Response> =>
      this.#fetch(url, init, `commit ${commit}`);
    const entries = listFiles({
      repo: { type: "model", name: this.#repo },
      revision: commit,
      recursive: true,
      hubUrl: this.#endpoint,
      fetch,
    });
    const files: HubFile[] = [];
    await this.#read(
      (async () => {
        for await (const { type, path, size, oid, lfs } of entries) {
          if (type === "file") files.push(this.#check({ path, size: lfs?.size ?? size, etag: lfs?.oid ?? oid ?? "" }));
          if (files.length > MAX_FILES) throw this.#strange(`more than ${MAX_FILES} files`);
        }
      })(),
    );
    return files;
  }

  /**
   * The bytes of a file, from `start` on if the server can.
   * @throws HubError; signal.reason
   */
  async open(commit: string, path: string, start: number): Promise<Response> {
    const url = `${this.#endpoint}/${this.#repo}/resolve/${commit}/${path.split("/").map(encodeURIComponent).join("/")}`;
    // Not compressed: offsets and sizes are those of the file.
    const headers: Record<string, string> = { "Accept-Encoding": "identity" };
    if (start > 0) headers["Range"] = `bytes=${start}-`;
    return this.#fetch(url, { headers }, path);
  }

  /** A connection that broke off, as an error for people. */
  broken(error: unknown): HubError {
    const cause = typeof error === "object" && error !== null ? (error as { cause?: unknown }).cause : undefined;
    const code = systemCode(cause);
    const reason = [code, messageOf(cause ?? error)]
      .filter((part, i, all) => part !== "" && !(i === 0 && all[1]?.includes(part) === true))
      .join(": ");
    return this.#error(
      "ERR_IPA_NETWORK",
      `the connection to ${this.#endpoint} failed (${reason}): check the network and HF_ENDPOINT, or use what the cache holds`,
      undefined,
      error,
    );
  }

  async #fetch(input: FetchInput, init: RequestInit = {}, what = ""): Promise<Response> {
    const url = new URL(input instanceof Request ? input.url : input);
    const headers = new Headers(init.headers);
    // Redirects to another host lose it: fetch sees to that.
    if (this.#token !== undefined && url.origin === new URL(this.#endpoint).origin)
      headers.set("Authorization", `Bearer ${this.#token}`);
    let response: Response;
    try {
      response = await fetch(url, { ...init, headers, signal: this.#signal });
    } catch (error) {
      if (this.#signal.aborted) throw this.#signal.reason;
      throw this.broken(error);
    }
    if (response.ok) return response;
    await response.body?.cancel().catch(() => undefined);
    throw this.#refused(response, what);
  }

  /** Waits for the package; what it throws itself is about answers it cannot read. */
  async #read<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (this.#signal.aborted) throw this.#signal.reason;
      if (error instanceof HubError) throw error;
      // Of whatever realm.
      if ((error as Error).name === "SyntaxError") throw this.#strange("something else than JSON", error);
      throw this.broken(error);
    }
  }

  #check(file: HubFile): HubFile {
    const { path, size, etag } = file as { [K in keyof HubFile]: unknown };
    if (
      typeof path === "string" &&
      isPathInRepo(path) &&
      Number.isSafeInteger(size) &&
      (size as number) >= 0 &&
      typeof etag === "string" &&
      /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(etag)
    ) {
      return file;
    }
    throw this.#strange(`a file that cannot be: ${JSON.stringify(file).slice(0, 200)}`);
  }

  #strange(what: string, cause?: unknown): HubError {
    return this.#error(
      "ERR_IPA_NETWORK",
      `${this.#endpoint} answered with ${what}: check HF_ENDPOINT, and that no proxy or login page answers in its place`,
      undefined,
      cause,
    );
  }

  #refused({ status, headers }: Response, what: string): HubError {
    const problem = headers.get("X-Error-Code") ?? "";
    const page = `${this.#endpoint}/${this.#repo}`;
    const sent = this.#token === undefined ? "no token was sent" : "the token that was sent does not open it";
    if (problem === "GatedRepo") {
      return this.#error(
        "ERR_IPA_ACCESS",
        `${this.#repo} is gated and ${sent}: accept its terms on ${page}, then pass a token of that account (HF_TOKEN, or the option token)`,
        status,
      );
    }
    if (problem === "RepoNotFound" || (status === 404 && !["RevisionNotFound", "EntryNotFound"].includes(problem))) {
      return this.#error(
        "ERR_IPA_NOT_FOUND",
        `${page} does not exist, or it is private and ${sent}: check the name`,
        status,
      );
    }
    if (status === 401 || status === 403) {
      return this.#error(
        "ERR_IPA_ACCESS",
        `${page} may not be read (${status}), ${sent}: pass a token that may (HF_TOKEN, or the option token)`,
        status,
      );
    }
    if (status === 404) return this.#error("ERR_IPA_NOT_FOUND", `${page} has no ${what}`, status);
    const wait = headers.get("Retry-After");
    const reason = status === 429 ? "too many requests" : "the server failed";
    return this.#error(
      "ERR_IPA_NETWORK",
      `${page}: ${reason} (${status}): try again ${wait === null ? "later" : `in ${wait} seconds`}`,
      status,
    );
  }

  #error(code: HubError["code"], message: string, status?: number, cause?: unknown): HubError {
    return new HubError(
      code,
      message,
      cause === undefined ? { repo: this.#repo, status } : { repo: this.#repo, status, cause },
    );
  }
}
