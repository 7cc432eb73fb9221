/**
 * A small Hugging Face hub on this machine, with the real one's shapes: commits and listings under /api, small files from
 * /resolve with git's sha1 as ETag, large ones by a redirect to another origin that knows ranges and no tokens.
 */
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join, sep } from "node:path";

export type RepoFiles = Record<string, Buffer>;

export interface Seen {
  method: string;
  /** path and query, "cdn:" in front when the other origin was asked */
  url: string;
  range: string | undefined;
  authorization: string | undefined;
}

interface Entry {
  bytes: Buffer;
  oid: string;
  /** sha256 of large files */
  lfs: string | undefined;
}

const sha = (name: string, ...parts: (string | Buffer)[]): string =>
  parts.reduce((hash, part) => hash.update(part), createHash(name)).digest("hex");

/** Files of a folder by their paths, for a repository. */
export function filesOf(folder: string, keep: (path: string) => boolean = () => true): RepoFiles {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).map((path) => path.split(sep).join("/"));
  return Object.fromEntries(
    paths
      .filter((path) => keep(path) && statSync(join(folder, path)).isFile())
      .map((path) => [path, readFileSync(join(folder, path))]),
  );
}

export class HubServer {
  readonly seen: Seen[] = [];
  /** token that opens every repository; "" for none needed */
  token = "";
  gated = false;
  /** the next answers with a file's bytes break off after so many of them */
  cuts: { path: string; after: number }[] = [];
  /** files that arrive with other bytes than listed */
  spoiled = new Set<string>();
  ranges = true;
  /** entries in one answer of a listing */
  pageSize = 7;
  /** the answer to everything, when the hub is down */
  down: { status: number; body: string; headers?: Record<string, string> } | undefined;
  onBytes: ((path: string) => void) | undefined;
  readonly #repos = new Map<string, Map<string, Entry>>();
  readonly #hub = createServer((request, response) => this.#answer(request, response));
  readonly #cdn = createServer((request, response) => this.#answerCdn(request, response));

  static async start(): Promise<HubServer> {
    const hub = new HubServer();
    for (const server of [hub.#hub, hub.#cdn])
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return hub;
  }

  get url(): string {
    return address(this.#hub);
  }

  async stop(): Promise<void> {
    for (const server of [this.#hub, this.#cdn]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  /** Sets what a repository holds @returns its commit */
  publish(repo: string, files: RepoFiles): string {
    const entries = Object.entries(files).map(([path, bytes]): [string, Entry] => {
      const lfs = /\.(safetensors|bin|ckpt|gguf)$/.test(path) ? sha("sha256", bytes) : undefined;
      const content =
        lfs === undefined
          ? bytes
          : Buffer.from(`version https://git-lfs.github.com/spec/v1\noid sha256:${lfs}\nsize ${bytes.length}\n`);
      return [path, { bytes, oid: sha("sha1", `blob ${content.length}\0`, content), lfs }];
    });
    this.#repos.set(repo, new Map(entries));
    return this.commit(repo);
  }

  commit(repo: string): string {
    return sha("sha1", repo, ...[...(this.#repos.get(repo) ?? [])].map(([path, { oid }]) => `${path} ${oid}\n`));
  }

  /** Requests for the bytes of a file. */
  downloads(): string[] {
    return this.seen
      .filter(({ method, url }) => method === "GET" && url.includes("/resolve/"))
      .map(({ url }) => url.replace(/^.*\/resolve\/[^/]+\//, ""));
  }

  #note({ method = "", url = "", headers }: IncomingMessage, prefix = ""): void {
    this.seen.push({ method, url: prefix + url, range: headers.range, authorization: headers.authorization });
  }

  #answer(request: IncomingMessage, response: ServerResponse): ServerResponse {
    this.#note(request);
    if (this.down !== undefined)
      return response.writeHead(this.down.status, this.down.headers ?? {}).end(this.down.body);
    const url = new URL(request.url ?? "", this.url);
    // /api/models/OWNER/NAME/KIND/REVISION or /OWNER/NAME/resolve/REVISION/PATH
    const parts = url.pathname
      .replace(/^\/api\/models/, "")
      .split("/")
      .slice(1)
      .map(decodeURIComponent);
    const [owner = "", name = "", kind = "", revision = "", ...rest] = parts;
    const repo = `${owner}/${name}`;
    const entries = this.#repos.get(repo);
    const { authorization } = request.headers;
    const allowed = this.token === "" || authorization === `Bearer ${this.token}`;
    // The real hub does not say whether it is missing or private.
    if (entries === undefined || (!allowed && !this.gated))
      return refuse(response, authorization === undefined ? 401 : 404, "RepoNotFound");
    const commit = this.commit(repo);
    if (!["main", "v1", "refs/pr/1", commit].includes(revision)) return refuse(response, 404, "RevisionNotFound");
    if (kind === "revision") {
      const siblings = [...entries.keys()].map((rfilename) => ({ rfilename }));
      return json(response, {
        _id: "1",
        id: repo,
        sha: commit,
        private: false,
        gated: false,
        tags: [],
        downloads: 0,
        likes: 0,
        lastModified: "2024-01-01T00:00:00.000Z",
        siblings,
      });
    }
    if (kind === "tree") return this.#list(entries, url, response);
    const path = rest.join("/");
    const entry = entries.get(path);
    if (kind !== "resolve" || entry === undefined) return refuse(response, 404, "EntryNotFound");
    if (!allowed) return refuse(response, authorization === undefined ? 401 : 403, "GatedRepo");
    response.setHeader("X-Repo-Commit", commit);
    if (entry.lfs === undefined) {
      response.setHeader("ETag", `"${entry.oid}"`);
      return this.#send(request, response, path, entry.bytes);
    }
    const location = `${address(this.#cdn)}/${repo}/${entry.lfs}?path=${encodeURIComponent(path)}`;
    return response
      .writeHead(302, {
        Location: location,
        "X-Linked-ETag": `"${entry.lfs}"`,
        "X-Linked-Size": String(entry.bytes.length),
        "Content-Length": "0",
      })
      .end();
  }

  #answerCdn(request: IncomingMessage, response: ServerResponse): ServerResponse {
    this.#note(request, "cdn:");
    const url = new URL(request.url ?? "", this.url);
    const [, owner, name, oid] = url.pathname.split("/");
    const entry = [...(this.#repos.get(`${owner ?? ""}/${name ?? ""}`)?.values() ?? [])].find(({ lfs }) => lfs === oid);
    if (entry === undefined) return refuse(response, 403, "");
    response.setHeader("ETag", `"${entry.lfs ?? ""}"`);
    return this.#send(request, response, url.searchParams.get("path") ?? "", entry.bytes);
  }

  #list(entries: Map<string, Entry>, url: URL, response: ServerResponse): ServerResponse {
    const folders = new Set(
      [...entries.keys()].flatMap((path) =>
        path
          .split("/")
          .slice(0, -1)
          .map((_, i, parts) => parts.slice(0, i + 1).join("/")),
      ),
    );
    const all = [
      ...[...folders].map((path) => ({ type: "directory", oid: sha("sha1", path), size: 0, path })),
      ...[...entries].map(([path, { bytes, oid, lfs }]) => ({
        type: "file",
        oid,
        size: bytes.length,
        path,
        ...(lfs === undefined ? {} : { lfs: { oid: lfs, size: bytes.length, pointerSize: 134 } }),
      })),
    ];
    const from = Number(url.searchParams.get("cursor") ?? 0);
    const next = from + this.pageSize;
    if (next < all.length) {
      url.searchParams.set("cursor", String(next));
      response.setHeader("Link", `<${url.href}>; rel="next"`);
    }
    return json(response, all.slice(from, next));
  }

  #send(request: IncomingMessage, response: ServerResponse, path: string, right: Buffer): ServerResponse {
    const bytes = this.spoiled.has(path) ? Buffer.from(right.map((byte, i) => (i === 100 ? byte ^ 1 : byte))) : right;
    const start = this.ranges ? Number(/^bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0) : 0;
    const body = bytes.subarray(start);
    const headers: Record<string, string> = {
      "Content-Length": String(body.length),
      "Accept-Ranges": this.ranges ? "bytes" : "none",
    };
    if (start > 0) headers["Content-Range"] = `bytes ${start}-${bytes.length - 1}/${bytes.length}`;
    response.writeHead(start > 0 ? 206 : 200, headers);
    if (request.method === "HEAD") return response.end();
    const cut = this.cuts.findIndex((entry) => entry.path === path);
    if (cut < 0) return response.end(body);
    const [{ after } = { after: 0 }] = this.cuts.splice(cut, 1);
    // The rest never comes: the connection breaks once these have left.
    response.write(body.subarray(0, after), () => {
      this.onBytes?.(path);
      response.destroy();
    });
    return response;
  }
}

function json(response: ServerResponse, value: unknown): ServerResponse {
  response.setHeader("Content-Type", "application/json; charset=utf-8");
  return response.end(JSON.stringify(value));
}

function refuse(response: ServerResponse, status: number, code: string): ServerResponse {
  return response
    .writeHead(status, { "X-Error-Code": code, "X-Error-Message": code, "Content-Type": "application/json" })
    .end(JSON.stringify({ error: code }));
}

function address(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
