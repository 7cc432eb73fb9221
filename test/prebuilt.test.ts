/** Which addon `npm run build:addon` gives a checkout: the prebuilt one of the very same sources, or one built there. Needs `npm run build`. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { ROOT } from "./support/load";

const { hashSources } = createRequire(__filename)("../tools/build/source-hash.cjs") as {
  hashSources: (root: string) => string;
};
const LOCAL = join(ROOT, "build/Release/node_ip_adapter.node");
const SYSTEM = `${process.platform}-${process.arch}`;
const FILE = `${SYSTEM}/node-ip-adapter${process.platform === "linux" ? ".glibc" : ""}.node`;

let checkout: string;
beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), "prebuilt-"));
  for (const part of ["tools/build", "native", "package.json", "package-lock.json"])
    cpSync(join(ROOT, part), join(checkout, part), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(checkout, "node_modules"), "junction");
});
afterEach(() => rmSync(checkout, { recursive: true }));

const built = (): string => join(checkout, "build/Release/node_ip_adapter.node");

/** The addon of this machine in the place of a prebuilt one, whose manifest is right but for `changes`. */
function bringPrebuilt(changes: { sources?: string; sha256?: string } = {}, bytes = readFileSync(LOCAL)): void {
  const file = join(checkout, "prebuilds", FILE);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytes);
  const sha256 = changes.sha256 ?? createHash("sha256").update(bytes).digest("hex");
  const manifest = { sources: changes.sources ?? hashSources(checkout), files: [{ file: FILE, sha256 }] };
  writeFileSync(join(checkout, "prebuilds/manifest.json"), JSON.stringify(manifest));
}

/** Where nothing compiles. */
function build(env: NodeJS.ProcessEnv = {}): { said: string; status: number | null } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["tools/build/addon.mjs"], {
    cwd: checkout,
    encoding: "utf8",
    env: { PATH: "/nowhere", ...env },
  });
  return { said: stdout + stderr, status };
}

test("of the same sources: it is taken, and no compiler is asked for", () => {
  bringPrebuilt();
  expect(build()).toEqual({ said: expect.stringMatching(/made of these sources/), status: 0 });
  expect(readFileSync(built()).equals(readFileSync(LOCAL))).toBe(true);
});

test("once the sources change, it is built: what lies there is not taken for the new one", () => {
  bringPrebuilt();
  build();
  writeFileSync(join(checkout, "native/base/version.h"), "// another\n");
  expect(build()).toEqual({ said: expect.stringMatching(/other sources[\s\S]*No C\+\+ compiler/), status: 1 });
});

test.each<[string, () => void, NodeJS.ProcessEnv, RegExp]>([
  ["of other sources", () => bringPrebuilt({ sources: "0" }), {}, /it was made of other sources/],
  ["of another file than the manifest's", () => bringPrebuilt({ sha256: "0" }), {}, /is not the file that/],
  [
    "that does not load",
    () => bringPrebuilt({}, Buffer.from("none")),
    {},
    /does not load here: Error: .*file too short/,
  ],
  ["that nobody made", () => undefined, {}, /has none for/],
  ["when a build is asked for", () => bringPrebuilt(), { IPA_FROM_SOURCE: "1" }, /IPA_FROM_SOURCE/],
])("one %s is not taken, and the reason is said", (_, bring, env, reason) => {
  bring();
  const { said, status } = build(env);
  expect(said).toMatch(reason);
  expect(status).toBe(1);
  expect(existsSync(built())).toBe(false);
});
