import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { InstallError } from "../lib/errors";
import { addonCandidates, type AddonPlaces, choosePrebuild } from "../lib/native/addon/candidates";
import { currentPlatform, type Platform } from "../lib/native/addon/platform";
import { loadAddonFrom, loadStatedAddon } from "../lib/native/addon/loader";
import { FakeAddon } from "./support/fake-addon";
import { ROOT } from "./support/load";

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

const candidates = (...args: Parameters<typeof addonCandidates>): string[] => [...addonCandidates(...args)];

test("a local build comes first, unless prebuilt ones are asked for", () => {
  const local = add("build", "Release", "node_ip_adapter.node");
  const prebuilt = add("prebuilds", "linux-x64", "node-ip-adapter.glibc.node");
  expect(candidates(places, glibc, false)).toEqual([local, prebuilt]);
  expect(candidates(places, glibc, true)).toEqual([prebuilt]);
  expect(candidates(places, musl, true)).toEqual([]);
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

test.each<[string, string, RegExp, RegExp]>([
  [
    "glibc is too old",
    "/lib/libc.so.6: version `GLIBC_2.38' not found (required by a.node)",
    /needs glibc 2\.38, and this system has/,
    /from source/,
  ],
  [
    "libstdc++ is too old",
    "libstdc++.so.6: version `GLIBCXX_3.4.32' not found",
    /C\+\+ library/,
    /install libstdc\+\+/,
  ],
  [
    "musl's on glibc",
    "libc.musl-x86_64.so.1: cannot open shared object file: No such file or directory",
    /other C library/,
    /delete node_modules/,
  ],
  [
    "glibc's on musl",
    "Error loading shared library ld-linux-x86-64.so.2: No such file or directory",
    /other C library/,
    /delete node_modules/,
  ],
  [
    "a library lacks",
    "libfoo.so.2: cannot open shared object file: No such file or directory",
    /lacks libfoo\.so\.2/,
    /install that library/,
  ],
  ["a folder of which nothing may run", "a.node: failed to map segment from shared object", /noexec/, /another folder/],
  ["another class of processor", "wrong ELF class: ELFCLASS32", /another system/, /delete node_modules/],
  [
    "another processor on a Mac",
    "dlopen(a.node, 0x0001): tried: 'a.node' (mach-o file, but is an incompatible architecture (have 'arm64', need 'x86_64'))",
    /another processor/,
    /own processor/,
  ],
  [
    "macOS has blocked it",
    "dlopen(a.node): code signature in <A> 'a.node' not valid for use in process: library load disallowed by system policy",
    /macOS blocks/,
    /xattr/,
  ],
  ["Windows has blocked it", "An Application Control policy has blocked this file.", /policy of Windows/, /SHA-256/],
  ["another program than Node", "The specified module could not be found.", /no Node/, /node\.exe or Electron/],
  ["Node is too old", "undefined symbol: node_api_symbol_for", /lacks functions/, /20\.9/],
])("what the loader of a system says, in words: %s", (_, message, cause, fix) => {
  const file = add("prebuilds", "linux-x64", "node-ip-adapter.glibc.node");
  const error = failure(glibc, false, () => {
    throw new Error(message);
  });
  const [head, fixes] = error.message.split("To fix it:");
  for (const part of [file, message]) expect(head).toContain(part);
  expect(head).toMatch(cause);
  expect(fixes).toMatch(fix);
  // One cause that is known needs no list of what else it could be.
  expect(fixes).not.toContain("bundler");
});

describe("files that this system refuses", () => {
  const made = join(ROOT, "build/Release/node_ip_adapter.node");
  /** Loads in a process of its own, which must not die of it. */
  const messageFor = (bytes: Buffer): string => {
    const file = join(root, "c.node");
    writeFileSync(file, bytes);
    const script = `require(${JSON.stringify(ROOT)}).systemInfo()`;
    const env = { ...process.env, NODE_IP_ADAPTER_ADDON: file };
    const { status, signal, stderr } = spawnSync(process.execPath, ["-e", script], { encoding: "utf8", env });
    expect({ status, signal }).toEqual({ status: 1, signal: null });
    return stderr;
  };
  const changed = (at: number, value: number): Buffer => {
    const bytes = readFileSync(made);
    bytes[at] = value;
    return bytes;
  };
  const onLinux = process.platform === "linux" ? test : test.skip;

  onLinux("a download that was cut anywhere (Linux)", () => {
    const whole = readFileSync(made);
    for (const length of [whole.length - 1, Math.floor(whole.length / 2), 5000, 64, 40, 3, 0])
      expect(messageFor(whole.subarray(0, length))).toMatch(/damaged/);
  });

  onLinux("another processor, another class (Linux)", () => {
    const MACHINE = 18;
    expect(messageFor(changed(MACHINE, 0xf3))).toMatch(/another system or damaged/);
    expect(messageFor(changed(4, 1))).toMatch(/another system or damaged/);
  });

  onLinux("another system (Linux)", () => {
    expect(messageFor(Buffer.from(`MZ${"\0".repeat(4000)}`))).toMatch(/another system/);
  });
});

describe("a checkout, of which npm's lock file is a sign", () => {
  const { hashSources } = createRequire(__filename)("../tools/build/source-hash.cjs") as {
    hashSources: (root: string) => string;
  };
  const sources = (): string => {
    const file = add("native", "a.cc");
    writeFileSync(file, "int a;");
    add("package-lock.json");
    mkdirSync(join(root, "tools/build"), { recursive: true });
    copyFileSync(join(ROOT, "tools/build/source-hash.cjs"), join(root, "tools/build/source-hash.cjs"));
    return file;
  };

  test("takes a prebuilt addon of the very same sources", () => {
    const file = sources();
    const prebuilt = add("prebuilds", "linux-x64", "node-ip-adapter.glibc.node");
    expect(candidates(places, glibc, false)).toEqual([]);
    writeFileSync(join(places.prebuilds, "manifest.json"), JSON.stringify({ sources: hashSources(root) }));
    expect(candidates(places, glibc, false)).toEqual([prebuilt]);
    writeFileSync(file, "int b;");
    expect(candidates(places, glibc, false)).toEqual([]);
    expect(failure(glibc, false).message).toMatch(/other sources than those of this checkout/);
  });

  test("what makes another library is no source of the addon", () => {
    sources();
    const before = hashSources(root);
    writeFileSync(add("native", "cuda", "kernels", "a.cu"), "x");
    writeFileSync(add("native", "build", "a.o"), "x");
    expect(hashSources(root)).toBe(before);
    writeFileSync(add("native", "cuda", "a.h"), "x");
    expect(hashSources(root)).not.toBe(before);
  });
});

test("an installed package trusts what it was packed with", () => {
  add("native", "a.cc");
  const prebuilt = add("prebuilds", "linux-x64", "node-ip-adapter.glibc.node");
  writeFileSync(join(places.prebuilds, "manifest.json"), JSON.stringify({ sources: "0" }));
  expect(candidates(places, glibc, false)).toEqual([prebuilt]);
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
