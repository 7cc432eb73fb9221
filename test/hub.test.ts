/** Models by their names on the hub: fetched from a hub on this machine into a cache of its own. Needs `npm run build`. */
import { execFile } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { copyFile, link } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { HubError } from "../lib/errors";
import { RepoCache } from "../lib/hub/cache";
import { Pipeline, inspect, pull, type DownloadProgressEvent, type LoadOptions } from "../lib/index";
import { type CommandRun, runCommand } from "./support/command";
import { FakeAddon } from "./support/fake-addon";
import { HubServer, filesOf, type RepoFiles } from "./support/hub-server";
import { ROOT, loadFake, rejection } from "./support/load";
import { readSafetensors } from "./support/safetensors";

const GOLDEN = join(ROOT, "test/golden");
const SD15 = filesOf(join(GOLDEN, "models/sd15"), (path) => !path.startsWith("golden."));
const NAME = "team/sd15";
const UNET = "unet/diffusion_pytorch_model.safetensors";
const VARIABLES = [
  "HF_HOME",
  "HF_HUB_CACHE",
  "HF_ENDPOINT",
  "HF_TOKEN",
  "HF_TOKEN_PATH",
  "HUGGING_FACE_HUB_TOKEN",
  "HF_HUB_OFFLINE",
];

let hub: HubServer;
let cache: string;
const before = Object.fromEntries(VARIABLES.map((name) => [name, process.env[name]]));

beforeEach(async () => {
  hub = await HubServer.start();
  cache = mkdtempSync(join(tmpdir(), "hub-"));
  for (const name of VARIABLES) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, { HF_ENDPOINT: hub.url, HF_HOME: cache });
});
afterEach(async () => {
  await hub.stop();
  rmSync(cache, { recursive: true });
  for (const name of VARIABLES) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, Object.fromEntries(Object.entries(before).filter(([, value]) => value !== undefined)));
});

const folder = (repo = NAME): string => join(cache, "hub", `models--${repo.replace("/", "--")}`);
const blobs = (): string[] => readdirSync(join(folder(), "blobs"));
/** Name of the blob with a file's content, "" when there is none. */
const blobOf = (path: string): string =>
  blobs().find((blob) => readFileSync(join(folder(), "blobs", blob)).equals(SD15[path]!)) ?? "";
/** What load() hands to the engine. */
const loaded = async (options: LoadOptions): Promise<FakeAddon["loads"][number]> => {
  const { addon, pipeline } = await loadFake(fitting(), options);
  await pipeline.dispose();
  return addon.loads[0]!;
};
/** A fake engine whose model has the vocabulary of the test model. */
const fitting = (): FakeAddon => {
  const addon = new FakeAddon();
  addon.info.textEncoders[0]!.vocabSize = 1e6;
  return addon;
};

test("model, adapter and LoRA by name give the latents that diffusers makes", async () => {
  hub.publish(NAME, SD15);
  hub.publish("team/loras", filesOf(join(GOLDEN, "loras")));
  const { prompt, steps, guidance, seed } = JSON.parse(readFileSync(join(GOLDEN, "loras.json"), "utf8")) as {
    prompt: string;
    steps: number;
    guidance: number;
    seed: number;
  };
  const golden = readSafetensors(join(GOLDEN, "loras.safetensors"));
  await using pipeline = await Pipeline.load({
    model: NAME,
    adapters: [{ file: `${NAME}/adapters/base.safetensors` }],
    loras: [{ file: "team/loras@v1/sd15-peft.safetensors", weight: 0.8 }],
  });
  const imagePrompts = [{ embeds: golden.get("with-adapter.embeds")!.floats() }];
  const { latents } = await pipeline.generate({
    prompt,
    negativePrompt: "",
    steps,
    guidance,
    seed,
    imagePrompts,
    scheduler: "ddim",
    output: "latents",
    width: 64,
    height: 64,
  });
  const theirs = golden.get("with-adapter.latents")!.floats();
  expect(Math.hypot(...latents[0]!.map((value, i) => value - theirs[i]!)) / Math.hypot(...theirs)).toBeLessThan(1e-4);
});

describe("the cache", () => {
  test("is laid out as Python's: blobs by checksum, a commit a reference, links with relative targets", async () => {
    const commit = hub.publish(NAME, SD15);
    const { model } = await loaded({ model: NAME });
    expect(model).toBe(join(folder(), "snapshots", commit));
    expect(readFileSync(join(folder(), "refs/main"), "utf8")).toBe(commit);
    for (const path of [UNET, "model_index.json", "tokenizer/vocab.json"])
      expect(readFileSync(join(model, path)).equals(SD15[path]!)).toBe(true);
    expect(readlinkSync(join(model, UNET))).toBe(join("../../../blobs", blobOf(UNET)));
    expect(readlinkSync(join(model, "model_index.json"))).toBe(join("../../blobs", blobOf("model_index.json")));
    expect(blobOf(UNET)).toMatch(/^[0-9a-f]{64}$/);
    expect(blobOf("model_index.json")).toMatch(/^[0-9a-f]{40}$/);
    // What the engine does not read was not fetched.
    expect(existsSync(join(model, "adapters"))).toBe(false);
    expect(readdirSync(folder()).sort()).toEqual(["blobs", "refs", "snapshots"]);
  });

  test("a second load asks nothing, also with the hub gone", async () => {
    hub.publish(NAME, SD15);
    const first = await loaded({ model: NAME, adapters: [{ file: `${NAME}/adapters/plus.safetensors` }] });
    hub.seen.length = 0;
    expect(await loaded({ model: NAME, adapters: [{ file: `${NAME}/adapters/plus.safetensors` }] })).toEqual(first);
    expect(hub.seen).toEqual([]);
    await hub.stop();
    expect(await loaded({ model: NAME, offline: true })).toMatchObject({ model: first.model });
    process.env["HF_HUB_OFFLINE"] = "1";
    expect(await loaded({ model: NAME })).toMatchObject({ model: first.model });
  });

  test("only what is missing is fetched, and what two revisions share only once", async () => {
    hub.publish(NAME, SD15);
    await loaded({ model: NAME });
    rmSync(join(folder(), "snapshots", hub.commit(NAME), "vae/config.json"));
    hub.seen.length = 0;
    await loaded({ model: NAME });
    expect(hub.downloads()).toEqual([]);
    rmSync(join(folder(), "blobs", blobOf("vae/config.json")));
    await loaded({ model: NAME });
    expect(hub.downloads()).toEqual(["vae/config.json"]);
    hub.seen.length = 0;
    const commit = hub.publish(NAME, {
      ...SD15,
      "scheduler/scheduler_config.json": Buffer.from(`${SD15["scheduler/scheduler_config.json"]!.toString()} `),
    });
    // load() keeps what it has; pull() looks for what is new.
    expect((await loaded({ model: NAME })).model).not.toContain(commit);
    expect(hub.seen).toEqual([]);
    await pull(NAME);
    expect(hub.downloads()).toEqual(["scheduler/scheduler_config.json"]);
    expect((await loaded({ model: NAME })).model).toContain(commit);
  });

  test("offline, what is missing is named", async () => {
    hub.publish(NAME, SD15);
    const nothing = await rejection(loaded({ model: NAME, offline: true }));
    expect(nothing).toBeInstanceOf(HubError);
    expect(nothing).toMatchObject({
      code: "ERR_IPA_OFFLINE",
      repo: NAME,
      message: expect.stringContaining("holds nothing of team/sd15, and the option offline forbids fetching it"),
    });
    await loaded({ model: NAME });
    rmSync(join(folder(), "snapshots", hub.commit(NAME), UNET));
    rmSync(join(folder(), "snapshots", hub.commit(NAME), "tokenizer/vocab.json"));
    hub.seen.length = 0;
    process.env["HF_HUB_OFFLINE"] = "1";
    const some = await rejection(loaded({ model: NAME }));
    expect(some).toMatchObject({
      code: "ERR_IPA_OFFLINE",
      message: expect.stringContaining(`tokenizer/vocab.json, ${UNET}`),
    });
    expect(some.message).toContain("HF_HUB_OFFLINE");
    expect(await rejection(pull(NAME))).toMatchObject({ code: "ERR_IPA_OFFLINE" });
    expect(hub.seen).toEqual([]);
  });

  test("without symbolic links, hard links or copies", async () => {
    const commit = hub.publish(NAME, SD15);
    await loaded({ model: NAME });
    const repo = new RepoCache(join(cache, "hub"), NAME);
    const refused = (): Promise<void> =>
      Promise.reject(Object.assign(new Error("operation not permitted"), { code: "EPERM" }));
    for (const placings of [
      [refused, link],
      [refused, refused, copyFile],
    ]) {
      await repo.place(commit, UNET, blobOf(UNET), placings);
      expect(lstatSync(repo.file(commit, UNET)).isFile()).toBe(true);
      expect(readFileSync(repo.file(commit, UNET)).equals(SD15[UNET]!)).toBe(true);
    }
    await expect(repo.place(commit, "unet/config.json", blobOf(UNET), [refused])).rejects.toThrow("not permitted");
    expect(readdirSync(join(repo.snapshot(commit), "unet")).sort()).toEqual([
      "config.json",
      "diffusion_pytorch_model.safetensors",
    ]);
  });

  test("a path that exists on disk wins, and one mistyped in a folder of that name is a path", async () => {
    hub.publish("models/mini", SD15);
    const here = process.cwd();
    process.chdir(ROOT);
    try {
      expect(await loaded({ model: "models/mini" })).toMatchObject({ model: join(ROOT, "models/mini") });
      expect(await rejection(loaded({ adapters: [{ file: "models/mini/ip-adaptor.safetensors" }] }))).toMatchObject({
        code: "ERR_IPA_NOT_FOUND",
        message: expect.stringContaining("adapters[0].file: file not found"),
      });
    } finally {
      process.chdir(here);
    }
    expect(hub.seen).toEqual([]);
  });
});

test("parts from other repositories, a folder of one, a file as the model, any of them inspected", async () => {
  hub.publish(NAME, SD15);
  hub.publish(
    "team/parts",
    Object.fromEntries(
      Object.entries(SD15).map(([path, bytes]) => [path.replace(/^image_encoder/, "models/encoder"), bytes]),
    ),
  );
  hub.publish("team/vae", filesOf(join(GOLDEN, "models/taesd/vae")));
  const single = readFileSync(join(GOLDEN, "models/single-sd1/model.safetensors"));
  hub.publish("team/single", { "checkpoints/sd.safetensors": single, "README.md": Buffer.from("x") });
  const request = await loaded({
    model: NAME,
    vae: "team/vae",
    imageEncoder: "team/parts/models/encoder",
    unet: "team/parts@refs/pr/1/unet",
  });
  expect(request).toMatchObject({
    vae: join(folder("team/vae"), "snapshots", hub.commit("team/vae")),
    imageEncoder: join(folder("team/parts"), "snapshots", hub.commit("team/parts"), "models/encoder"),
    unet: join(folder("team/parts"), "snapshots", hub.commit("team/parts"), "unet"),
  });
  expect(readFileSync(join(folder("team/parts"), "refs/refs/pr/1"), "utf8")).toBe(hub.commit("team/parts"));
  // The model's own were not fetched.
  expect(readdirSync(request.model).sort()).toEqual([
    "feature_extractor",
    "model_index.json",
    "scheduler",
    "text_encoder",
    "tokenizer",
  ]);
  expect(await inspect("team/single/checkpoints/sd.safetensors")).toMatchObject({ kind: "model", family: "sd1" });
  expect(await inspect(`${NAME}/adapters/plus.safetensors`)).toMatchObject({ kind: "ip-adapter", variant: "plus" });
  expect(await inspect("team/vae")).toMatchObject({ components: [], parameters: expect.any(Number) });
  expect(await inspect(NAME)).toMatchObject({ kind: "model", family: "sd1" });
  const error = await rejection(loaded({ model: "team/single" }));
  expect(error).toMatchObject({
    code: "ERR_IPA_NOT_FOUND",
    message: expect.stringContaining("its weight files are team/single/checkpoints/sd.safetensors"),
  });
});

describe("a download", () => {
  test("goes on where the connection broke, within a call", async () => {
    hub.publish(NAME, SD15);
    hub.cuts = [
      { path: UNET, after: 300_000 },
      { path: UNET, after: 200_000 },
    ];
    const { model } = await loaded({ model: NAME });
    expect(readFileSync(join(model, UNET)).equals(SD15[UNET]!)).toBe(true);
    const ranges = hub.seen.filter(({ url }) => url.includes(encodeURIComponent(UNET))).map(({ range }) => range);
    expect(ranges[0]).toBeUndefined();
    expect(ranges).toHaveLength(3);
    expect(ranges[2]).toMatch(/^bytes=[1-9]\d*-$/);
    expect(blobs().filter((blob) => blob.includes("incomplete"))).toEqual([]);
  });

  test("goes on in a later call, with all bytes of the first", async () => {
    hub.publish(NAME, SD15);
    // The second connection brings nothing: that is the end of the call.
    hub.cuts = [
      { path: UNET, after: 300_000 },
      { path: UNET, after: 0 },
    ];
    const error = await rejection(loaded({ model: NAME }));
    expect(error).toMatchObject({
      code: "ERR_IPA_NETWORK",
      message: expect.stringMatching(/^model: the connection to http:.* failed/),
    });
    const [part] = blobs().filter((blob) => blob.endsWith(".incomplete"));
    const held = readFileSync(join(folder(), "blobs", part!)).length;
    expect(held).toBeGreaterThan(0);
    hub.seen.length = 0;
    const events: DownloadProgressEvent[] = [];
    await loaded({ model: NAME, onProgress: (event) => events.push(event) });
    expect(hub.seen.find(({ url }) => url.includes(encodeURIComponent(UNET)))?.range).toBe(`bytes=${held}-`);
    expect(hub.downloads()).not.toContain("text_encoder/model.safetensors");
    expect(blobOf(UNET)).toBe(part!.replace(".incomplete", ""));
    const last = events.filter(({ file }) => file === UNET).at(-1);
    expect(last).toMatchObject({
      type: "download",
      repo: NAME,
      commit: hub.commit(NAME),
      fileBytes: SD15[UNET]!.length,
      fileSize: SD15[UNET]!.length,
    });
    expect(events.at(-1)).toMatchObject({ bytes: events[0]!.size });
  });

  test("starts again when the server knows no ranges", async () => {
    hub.publish(NAME, SD15);
    hub.ranges = false;
    hub.cuts = [{ path: UNET, after: 300_000 }];
    const { model } = await loaded({ model: NAME });
    expect(readFileSync(join(model, UNET)).equals(SD15[UNET]!)).toBe(true);
  });

  test("starts again when what was left of an earlier one is damaged, or longer than the file", async () => {
    hub.publish(NAME, SD15);
    await loaded({ model: NAME });
    const blob = join(folder(), "blobs", blobOf(UNET));
    for (const left of [Buffer.alloc(1000), Buffer.alloc(SD15[UNET]!.length), Buffer.alloc(SD15[UNET]!.length + 1)]) {
      rmSync(blob);
      writeFileSync(`${blob}.incomplete`, left);
      await loaded({ model: NAME });
      expect(readFileSync(blob).equals(SD15[UNET]!)).toBe(true);
    }
  });

  test.each([UNET, "unet/config.json"])(
    "with other bytes than listed is refused, and nothing of it kept: %s",
    async (path) => {
      hub.publish(NAME, SD15);
      hub.spoiled.add(path);
      const error = await rejection(loaded({ model: NAME }));
      expect(error).toBeInstanceOf(HubError);
      expect(error).toMatchObject({
        code: "ERR_IPA_CHECKSUM",
        message: expect.stringContaining(`model: ${path} of ${NAME}`),
      });
      expect(existsSync(join(folder(), "snapshots", hub.commit(NAME), path))).toBe(false);
      expect(existsSync(join(folder(), "refs"))).toBe(false);
      expect(blobs().filter((blob) => blob.includes("incomplete"))).toEqual([]);
      hub.spoiled.clear();
      const { model } = await loaded({ model: NAME });
      expect(readFileSync(join(model, path)).equals(SD15[path]!)).toBe(true);
    },
  );

  test("that is aborted leaves no file under its name, and the next call goes on", async () => {
    hub.publish(NAME, SD15);
    const controller = new AbortController();
    hub.cuts = [{ path: UNET, after: 300_000 }];
    hub.onBytes = () => controller.abort("enough");
    expect(await rejection(loaded({ model: NAME, signal: controller.signal }).then(() => undefined))).toBe("enough");
    expect(readdirSync(join(folder(), "snapshots", hub.commit(NAME), "unet"))).toEqual(["config.json"]);
    expect(existsSync(join(folder(), "refs"))).toBe(false);
    await loaded({ model: NAME });
    expect(blobOf(UNET)).not.toBe("");
  });

  test("for a loaded pipeline ends with it", async () => {
    hub.publish(NAME, SD15);
    const pipeline = await Pipeline.load();
    const file = "adapters/base.safetensors";
    hub.cuts = [{ path: file, after: 10_000 }];
    hub.onBytes = () => void pipeline.dispose();
    expect(await rejection(pipeline.setAdapters([{ file: `${NAME}/${file}` }]))).toMatchObject({
      code: "ERR_IPA_DISPOSED",
    });
    await pipeline.dispose();
    expect(existsSync(join(folder(), "snapshots", hub.commit(NAME), file))).toBe(false);
  });

  test("ends with what onProgress threw", async () => {
    hub.publish(NAME, SD15);
    const onProgress = ({ file }: DownloadProgressEvent): void => {
      if (file === UNET) throw new RangeError("stop");
    };
    expect(await rejection(loaded({ model: NAME, onProgress }))).toBeInstanceOf(RangeError);
    expect(existsSync(join(folder(), "refs"))).toBe(false);
  });

  test("is made once when several calls want it at the same time", async () => {
    hub.publish(NAME, SD15);
    const loads = await Promise.all([1, 2, 3].map(() => loaded({ model: NAME })));
    expect(new Set(loads.map(({ model }) => model)).size).toBe(1);
    expect(hub.downloads().filter((path) => path === UNET)).toHaveLength(1);
  });
});

test("several processes fetch the same model at the same time", async () => {
  hub.publish(NAME, SD15);
  hub.cuts = [{ path: UNET, after: 300_000 }];
  const main = join(ROOT, "dist/cli/main.js");
  const pulls = await Promise.all(
    [1, 2, 3].map(() => promisify(execFile)(process.execPath, [main, "pull", NAME], { env: { ...process.env } })),
  );
  const snapshot = join(folder(), "snapshots", hub.commit(NAME));
  expect(pulls.map(({ stdout }) => stdout)).toEqual(Array(3).fill(`${snapshot}\n`));
  for (const path of [UNET, "text_encoder/model.safetensors", "vae/config.json"])
    expect(readFileSync(join(snapshot, path)).equals(SD15[path]!)).toBe(true);
  expect(blobs().filter((blob) => blob.includes("incomplete"))).toEqual([]);
});

describe("refused by the hub", () => {
  test.each<[string, () => void, LoadOptions, string, string]>([
    [
      "no such repository",
      () => undefined,
      { model: "team/sd51" },
      "ERR_IPA_NOT_FOUND",
      "/team/sd51 does not exist, or it is private and no token was sent",
    ],
    ["no such revision", () => undefined, { model: `${NAME}@v3` }, "ERR_IPA_NOT_FOUND", "has no revision v3"],
    [
      "no such file",
      () => undefined,
      { adapters: [{ file: `${NAME}/ip-adapter.safetensors` }] },
      "ERR_IPA_NOT_FOUND",
      `adapters[0].file: ${NAME}/ip-adapter.safetensors cannot be used, ip-adapter.safetensors is not there: its weight files are`,
    ],
    [
      "private",
      () => (hub.token = "hf_right"),
      { model: NAME, token: "hf_wrong" },
      "ERR_IPA_NOT_FOUND",
      "private and the token that was sent does not open it",
    ],
    [
      "gated, without a token",
      () => Object.assign(hub, { token: "hf_right", gated: true }),
      { model: NAME },
      "ERR_IPA_ACCESS",
      "is gated and no token was sent: accept its terms on",
    ],
    [
      "gated, with another token",
      () => Object.assign(hub, { token: "hf_right", gated: true }),
      { model: NAME, token: "hf_wrong" },
      "ERR_IPA_ACCESS",
      "the token that was sent does not open it",
    ],
    [
      "forbidden",
      () => (hub.down = { status: 403, body: "no" }),
      { model: NAME },
      "ERR_IPA_ACCESS",
      "may not be read (403)",
    ],
    [
      "too many requests",
      () => (hub.down = { status: 429, body: "", headers: { "Retry-After": "30" } }),
      { model: NAME },
      "ERR_IPA_NETWORK",
      "too many requests (429): try again in 30 seconds",
    ],
    [
      "broken",
      () => (hub.down = { status: 502, body: "bad gateway" }),
      { model: NAME },
      "ERR_IPA_NETWORK",
      "the server failed (502)",
    ],
    [
      "a login page in its place",
      () => (hub.down = { status: 200, body: "<html>log in</html>" }),
      { model: NAME },
      "ERR_IPA_NETWORK",
      "something else than JSON",
    ],
    [
      "a strange answer",
      () => (hub.down = { status: 200, body: "{}" }),
      { model: NAME },
      "ERR_IPA_NETWORK",
      "no commit for revision main",
    ],
  ])("%s", async (_name, arrange, options, code, says) => {
    hub.publish(NAME, SD15);
    arrange();
    const error = await rejection(loaded(options));
    expect(error).toBeInstanceOf(HubError);
    expect(error).toMatchObject({ code, message: expect.stringContaining(says) });
    expect(error.message).toMatch(/^(model|adapters\[0\]\.file): /);
    expect(error.message).toContain("nor is there a file or folder /");
    expect(error.stack).toContain("load.ts");
    expect(blobsOrNone()).toEqual([]);
  });

  const blobsOrNone = (): string[] =>
    existsSync(join(folder(), "blobs")) ? blobs().filter((blob) => blob.length === 64) : [];

  test("not there at all", async () => {
    await hub.stop();
    const error = await rejection(loaded({ model: NAME }));
    expect(error).toMatchObject({
      code: "ERR_IPA_NETWORK",
      message: expect.stringContaining("ECONNREFUSED"),
      cause: expect.anything(),
    });
    expect(error.message).toContain("check the network and HF_ENDPOINT");
  });

  test.each<[string, string]>([
    ["../../outside.json", "x"],
    ["unet/..\\..\\outside.json", "x"],
    ["/etc/outside.json", "x"],
  ])("a listing that leads out of the cache: %s", async (path, content) => {
    hub.publish(NAME, { ...SD15, [path]: Buffer.from(content) });
    expect(await rejection(pull(NAME, { include: ["*"] }))).toMatchObject({
      code: "ERR_IPA_NETWORK",
      message: expect.stringContaining("a file that cannot be"),
    });
    expect(existsSync(folder())).toBe(false);
  });
});

test("the token of the option, the variable or the file goes to the hub, and nowhere else", async () => {
  hub.publish(NAME, SD15);
  hub.token = "hf_right";
  mkdirSync(cache, { recursive: true });
  const ways: [LoadOptions, () => void][] = [
    [{ token: "hf_right" }, () => (process.env["HF_TOKEN"] = "hf_wrong")],
    [{}, () => (process.env["HF_TOKEN"] = "hf_right")],
    [{}, () => writeFileSync(join(cache, "token"), "hf_right\n")],
  ];
  for (const [options, arrange] of ways) {
    Reflect.deleteProperty(process.env, "HF_TOKEN");
    arrange();
    hub.seen.length = 0;
    await loaded({ model: NAME, ...options });
    const [cdn, own] = [true, false].map(
      (elsewhere) =>
        new Set(
          hub.seen.filter(({ url }) => url.startsWith("cdn:") === elsewhere).map(({ authorization }) => authorization),
        ),
    );
    expect([...own!]).toEqual(["Bearer hf_right"]);
    expect([...cdn!]).toEqual([undefined]);
    rmSync(join(cache, "hub"), { recursive: true });
  }
});

describe("pull", () => {
  const cli = (...args: string[]): Promise<CommandRun> => runCommand(args, fitting);
  const fetched = (files: RepoFiles): string[] =>
    Object.keys(files).filter((path) => existsSync(join(folder(), "snapshots", hub.commit(NAME), path)));

  test("fetches what the engine reads, and says where it is", async () => {
    const commit = hub.publish(NAME, SD15);
    const { code, out, err } = await cli("pull", NAME);
    expect([code, out]).toEqual([0, `${join(folder(), "snapshots", commit)}\n`]);
    expect(err).toMatch(/^fetching [\d.]+ MB from team\/sd15\nfetched [^]*MB/);
    expect(fetched(SD15)).not.toContain("adapters/base.safetensors");
    expect(await loaded({ model: NAME, offline: true })).toMatchObject({ model: out.trim() });
    // generate and inspect find it by the same name
    expect(await cli("inspect", NAME, "--offline")).toMatchObject({ code: 0 });
    expect(
      await cli("generate", "--model", NAME, "--offline", "--steps", "1", "--output", join(cache, "out.png")),
    ).toMatchObject({ code: 0 });
    expect(
      await cli("generate", "--model", "team/other", "--offline", "--output", join(cache, "out.png")),
    ).toMatchObject({ code: 1, err: expect.stringContaining("error ERR_IPA_OFFLINE: --model: ") });
  });

  test("with patterns, a revision, or a path", async () => {
    hub.publish(NAME, SD15);
    const { code, out } = await cli(
      "pull",
      NAME,
      "--include",
      "adapters/*",
      "--include",
      "*.json",
      "--exclude",
      "*plus*",
      "--exclude",
      "tokenizer/",
      "--revision",
      "v1",
      "--json",
    );
    expect(code).toBe(0);
    const lines = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string; files?: string[] });
    const expected = Object.keys(SD15).filter(
      (path) =>
        (path.startsWith("adapters/") || path.endsWith(".json")) &&
        !path.includes("plus") &&
        !path.startsWith("tokenizer/"),
    );
    expect(lines.at(-1)).toMatchObject({ type: "result", commit: hub.commit(NAME), files: expected });
    expect(lines[0]).toMatchObject({ type: "download", repo: NAME });
    expect(fetched(SD15)).toEqual(expected);
    expect(readdirSync(join(folder(), "refs"))).toEqual(["v1"]);
    const { path } = await pull(`${NAME}/adapters/plus.safetensors`);
    expect(readFileSync(path).equals(SD15["adapters/plus.safetensors"]!)).toBe(true);
  });

  test.each<[string[], number, string]>([
    [["./sd15"], 2, "expected owner/name of a repository"],
    [[NAME, "--revision", "../x"], 2, "revision: expected a branch, tag or commit"],
    [[`${NAME}@v1`, "--revision", "main"], 2, "names another one already"],
    [[NAME, "--include", "*.onnx"], 1, "no file that is wanted here"],
    [[NAME, "--include", "[z-a]"], 2, "--include: expected a pattern"],
  ])("%j is refused", async (args, code, says) => {
    hub.publish(NAME, SD15);
    expect(await cli("pull", ...args)).toMatchObject({ code, err: expect.stringContaining(says) });
  });
});

test("the hub's package is not needed until a name is looked up there", async () => {
  const script = `const Module = require("node:module");
    const load = Module._load;
    Module._load = (name, ...rest) => { if (name === "@huggingface/hub") throw new Error("asked for"); return load(name, ...rest); };
    const { Pipeline } = require(${JSON.stringify(ROOT)});
    (async () => {
      await (await Pipeline.load()).dispose();
      await (await Pipeline.load({ model: "models/mini" })).dispose();
      await Pipeline.load({ model: "team/sd15" }).catch(({ code, message }) => console.log(code, message));
    })();`;
  const { stdout } = await promisify(execFile)(process.execPath, ["-e", script], { cwd: ROOT });
  expect(stdout).toMatch(/^ERR_IPA_HUB_MISSING @huggingface\/hub.* asked for: npm install/);
});

describe("settings of a picture", () => {
  const image = (): string => join(cache, "out.png");
  const generate = (...flags: string[]): Promise<CommandRun> => runCommand(["generate", ...flags], fitting);
  const name = `${NAME}/adapters/base.safetensors`;

  beforeEach(async () => {
    hub.publish(NAME, SD15);
    expect(await generate("--model", NAME, "--adapter", name, "--steps", "1", "--output", image())).toMatchObject({
      code: 0,
    });
  });

  const again = (): Promise<CommandRun> => generate("--from", image(), "--output", join(cache, "again.png"));

  test("are repeated while the cache holds the same files, whatever else of the repository comes to it", async () => {
    await pull(NAME, { include: ["adapters/*"] });
    await hub.stop();
    expect(await again()).toMatchObject({ code: 0 });
    hub = await HubServer.start();
  });

  test.each([
    ["the model", "model", "unet/config.json"],
    ["an adapter", "adapters\\[0\\]\\.file", "adapters/base.safetensors"],
  ])("are refused once another revision of %s is in the cache", async (_, option, path) => {
    // Bytes at the end of JSON change nothing, those of a weight file may be anything: the hash is what counts.
    hub.publish(NAME, { ...SD15, [path]: Buffer.concat([SD15[path]!, Buffer.from(" ")]) });
    await pull(NAME);
    await pull(NAME, { include: ["adapters/*"] });
    expect(await again()).toMatchObject({
      code: 1,
      err: expect.stringMatching(`ERR_IPA_CHANGED: (?:--\\w+|${option}): `),
    });
  });

  test("are checked when what the cache has lost is fetched again", async () => {
    rmSync(folder(), { recursive: true });
    expect(await again()).toMatchObject({ code: 0 });
    rmSync(folder(), { recursive: true });
    hub.publish(NAME, { ...SD15, "unet/config.json": Buffer.concat([SD15["unet/config.json"]!, Buffer.from(" ")]) });
    expect(await again()).toMatchObject({ code: 1, err: expect.stringContaining("ERR_IPA_CHANGED") });
  });
});
