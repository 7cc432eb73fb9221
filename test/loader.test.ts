import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { InstallError } from "../lib/errors";
import {
  type AddonPlaces,
  addonCandidates,
  choosePrebuild,
  currentPlatform,
  loadAddonFrom,
  loadStatedAddon,
  type Platform,
} from "../lib/native/load";
import { FakeAddon } from "./support/fake-addon";

const glibc: Platform = { platform: "linux", arch: "x64", libc: "glibc" };
const musl: Platform = { ...glibc, libc: "musl" };
const arm: Platform = { ...glibc, arch: "arm64" };
const mac: Platform = { platform: "darwin", arch: "arm64", libc: "" };

let root: string;
let places: AddonPlaces;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "loader-"));
  places = { root, prebuilds: join(root, "prebuilds") };
});
afterEach(() => rmSync(root, { recursive: true }));

function add(...parts: string[]): string {
  const file = join(root, ...parts);
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, "");
  return file;
}

test.each<[string, string[], Platform, string | undefined]>([
  ["glibc", ["node-ip-adapter.glibc.node", "node-ip-adapter.musl.node"], glibc, "node-ip-adapter.glibc.node"],
  ["musl", ["node-ip-adapter.glibc.node", "node-ip-adapter.musl.node"], musl, "node-ip-adapter.musl.node"],
  ["no musl build", ["node-ip-adapter.glibc.node"], musl, undefined],
  ["the tagged one first", ["node-ip-adapter.node", "node-ip-adapter.glibc.node"], glibc, "node-ip-adapter.glibc.node"],
  ["an untagged one", ["node-ip-adapter.node"], mac, "node-ip-adapter.node"],
  ["older names", ["node.napi.glibc.node"], glibc, "node.napi.glibc.node"],
  ["an ARM version", ["node-ip-adapter.armv8.glibc.node"], arm, "node-ip-adapter.armv8.glibc.node"],
  ["not another package's", ["other.glibc.node", "readme.txt", "electron.napi.node"], glibc, undefined],
  ["not Electron's", ["node-ip-adapter.electron.node"], glibc, undefined],
])("choosing: %s", (_name, files, platform, expected) => {
  expect(choosePrebuild(files, platform)).toBe(expected);
  expect(choosePrebuild([...files].reverse(), platform)).toBe(expected);
});

test("a local build comes first, unless prebuilt ones are asked for", () => {
  const local = add("build", "Release", "node_ip_adapter.node");
  const prebuilt = add("prebuilds", "linux-x64", "node-ip-adapter.glibc.node");
  expect(addonCandidates(places, glibc, false)).toEqual([local, prebuilt]);
  expect(addonCandidates(places, glibc, true)).toEqual([prebuilt]);
  expect(addonCandidates(places, musl, true)).toEqual([]);
});

test("a local build that does not load gives way to the prebuilt one", () => {
  const local = add("build", "Release", "node_ip_adapter.node");
  const prebuilt = add("prebuilds", "linux-x64", "node-ip-adapter.glibc.node");
  const addon = new FakeAddon();
  const load = (file: string): FakeAddon => {
    if (file === local) throw new Error("invalid ELF header");
    return addon;
  };
  expect(loadAddonFrom(places, glibc, false, load)).toEqual({ addon, file: prebuilt });
});

function failure(
  platform: Platform,
  prebuildsOnly: boolean,
  load: (file: string) => never = (file) => {
    throw new Error(file);
  },
): InstallError {
  try {
    loadAddonFrom(places, platform, prebuildsOnly, load);
  } catch (error) {
    return error as InstallError;
  }
  throw new Error("expected an error");
}

test("nothing to load: says the platform, what there is, and the fix", () => {
  add("prebuilds", "darwin-arm64", "node-ip-adapter.node");
  const error = failure(musl, false);
  expect(error).toBeInstanceOf(InstallError);
  expect(error.code).toBe("ERR_IPA_ADDON_MISSING");
  for (const part of [
    "linux-x64 (musl)",
    process.version,
    "darwin-arm64",
    "npm run build:native",
    "NODE_IP_ADAPTER_ROOT",
  ])
    expect(error.message).toContain(part);
  expect(failure(musl, true).message).toContain("NODE_IP_ADAPTER_PREBUILDS_ONLY");
});

test("a binary that does not load: says why", () => {
  const file = add("prebuilds", "linux-x64", "node-ip-adapter.glibc.node");
  const old = failure(glibc, false, () => {
    throw new Error("version `GLIBC_2.38' not found");
  });
  expect(old.message).toContain(file);
  expect(old.message).toContain("newer C library");
  expect(
    failure(glibc, false, () => {
      throw new Error("wrong ELF class: ELFCLASS32");
    }).message,
  ).toContain("another platform");
});

test("NODE_IP_ADAPTER_ADDON: that file or none, and the message names both", () => {
  const addon = new FakeAddon();
  const there = add("a.node");
  expect(loadStatedAddon(there, () => addon)).toEqual({ addon, file: there });
  const load = (): never => {
    throw new Error("wrong ELF class");
  };
  expect(() => loadStatedAddon(add("b.node"), load)).toThrow(/NODE_IP_ADAPTER_ADDON names .*b\.node.*wrong ELF class/);
  expect(() => loadStatedAddon(join(root, "c.node"), load)).toThrow(
    expect.objectContaining({ code: "ERR_IPA_ADDON_MISSING", message: expect.stringContaining("no such file") }),
  );
});

test.each<[string, () => unknown, RegExp]>([
  ["JSON", () => ({ name: "x" }), /is not node-ip-adapter's addon/],
  ["a module of another kind", () => () => undefined, /is not node-ip-adapter's addon/],
  [
    "what the permission model does not let it read",
    () => {
      throw Object.assign(new Error("denied"), { code: "ERR_ACCESS_DENIED" });
    },
    /--allow-fs-read/,
  ],
  [
    "any addon where none may be loaded",
    () => {
      throw Object.assign(new Error("disabled"), { code: "ERR_DLOPEN_DISABLED" });
    },
    /--allow-addons/,
  ],
])("NODE_IP_ADAPTER_ADDON names %s", (_, load, message) => {
  const file = add("b.node");
  expect(() => loadStatedAddon(file, load as () => FakeAddon)).toThrow(
    expect.objectContaining({ code: "ERR_IPA_ADDON_MISSING", message: expect.stringMatching(message) }),
  );
});

test("NODE_IP_ADAPTER_ADDON names a folder or a named pipe, which is not opened", () => {
  const pipe = join(root, "pipe.node");
  const places = process.platform === "win32" ? [root] : [root, (execFileSync("mkfifo", [pipe]), pipe)];
  for (const place of places)
    expect(() =>
      loadStatedAddon(place, () => {
        throw new Error("opened");
      }),
    ).toThrow(/no regular file/);
});

test("this platform is known", () => {
  const { platform, arch, libc } = currentPlatform();
  expect([platform, arch]).toEqual([process.platform, process.arch]);
  expect(platform === "linux" ? ["glibc", "musl"] : [""]).toContain(libc);
});
