/** The package with the plugin for NVIDIA GPUs, and that the main one leaves it out. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import type { NativeCudaProbe } from "../lib/native/contract";
import { ROOT } from "./support/load";

const NAME = "node-ip-adapter-cuda-linux-x64";
const FOLDER = join(ROOT, "packages/cuda-linux-x64");
const LIBRARY = "libnode_ip_adapter_cuda.so";
const MOST_BYTES = 30e6;

interface Packed {
  version: string;
  unpackedSize: number;
  files: { path: string; size: number }[];
}

function pack(folder: string): Packed {
  const answer = execFileSync("npm", ["pack", "--dry-run", "--ignore-scripts", "--json"], {
    cwd: folder,
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  // A list, or from npm 12 on a table by name.
  return Object.values(JSON.parse(answer) as Record<string, Packed>)[0]!;
}

const readJson = (file: string): Record<string, unknown> =>
  JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;

const isBuilt = existsSync(join(FOLDER, LIBRARY));
const whenBuilt = isBuilt ? test : test.skip;
const suffix = isBuilt ? "" : ` (skipped: ${LIBRARY} is not built, see npm run build:cuda)`;

test("both packages have one version, which the main one asks for, and not of everybody", () => {
  const main = readJson(join(ROOT, "package.json"));
  const own = readJson(join(FOLDER, "package.json"));
  expect(own).toMatchObject({ name: NAME, version: main["version"], os: ["linux"], cpu: ["x64"], libc: ["glibc"] });
  expect(main["peerDependencies"]).toHaveProperty([NAME], main["version"]);
  expect(main["peerDependenciesMeta"]).toHaveProperty([NAME], { optional: true });
  // npm refuses to install a workspace on systems that it is not for, and with it the whole checkout.
  expect(main).not.toHaveProperty("workspaces");
});

test("the main package leaves the plugin out and brings its sources", () => {
  const paths = pack(ROOT).files.map(({ path }) => path);
  expect(paths.filter((path) => path.startsWith("packages/") || path.endsWith(".so"))).toEqual([]);
  expect(paths).toEqual(expect.arrayContaining(["native/cuda/plugin/plugin.cc", "tools/build/cuda.mjs"]));
});

test("the plugin's package holds what it says, and nothing that runs when it is installed", () => {
  const { files, unpackedSize } = pack(FOLDER);
  const paths = files.map(({ path }) => path).filter((path) => path !== LIBRARY);
  expect(paths.sort()).toEqual(["LICENSE", "NOTICE", "README.md", "index.d.ts", "index.js", "package.json"]);
  expect(unpackedSize).toBeLessThan(MOST_BYTES);
  const { scripts } = readJson(join(FOLDER, "package.json")) as { scripts: Record<string, string> };
  expect(Object.keys(scripts)).toEqual(["prepublishOnly"]);
});

test("it says where its library is", () => {
  const code = `console.log(JSON.stringify(require(${JSON.stringify(FOLDER)})))`;
  const said = JSON.parse(execFileSync(process.execPath, ["-e", code], { encoding: "utf8" })) as unknown;
  expect(said).toEqual({ file: join(FOLDER, LIBRARY), version: readJson(join(ROOT, "package.json"))["version"] });
});

whenBuilt(`the library is packed${suffix}`, () => {
  const library = pack(FOLDER).files.find(({ path }) => path === LIBRARY);
  expect(library?.size).toBeGreaterThan(100_000);
});

whenBuilt(`the library loads, and says what is there of driver and GPUs${suffix}`, () => {
  const code = `require(${JSON.stringify(join(ROOT, "build/Release/node_ip_adapter.node"))})
    .probeCuda(${JSON.stringify(join(FOLDER, LIBRARY))}, (error, value) => console.log(JSON.stringify(error ?? value)))`;
  const found = JSON.parse(execFileSync(process.execPath, ["-e", code], { encoding: "utf8" })) as NativeCudaProbe;
  if (existsSync("/proc/driver/nvidia/version")) {
    expect(found.driver).toMatch(/^\d+\.\d+$/);
    return;
  }
  expect(found).toMatchObject({ ok: false, code: "ERR_IPA_DEVICE", devices: [] });
  expect(found.message).toMatch(/^there is no NVIDIA driver: install.*r580/);
});
