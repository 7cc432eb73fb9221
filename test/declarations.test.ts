/** The built declarations and maps as a user's editor and compiler read them. Needs `npm run build:ts`. */
import { execFile } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { SourceMap } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";

import { ROOT } from "./support/load";

const DIST = join(ROOT, "dist");
const TSC = join(ROOT, "node_modules", "typescript", "bin", "tsc");
const declarations = readFileSync(join(DIST, "index.d.ts"), "utf8");

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "declarations-"));
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "@types"), { recursive: true });
  // Only what a user has beside the package: the hub's declarations must not be needed.
  mkdirSync(join(modules, "node-ip-adapter"));
  for (const name of ["dist", "package.json"]) symlinkSync(join(ROOT, name), join(modules, "node-ip-adapter", name));
  for (const name of ["@types/node", "undici-types"])
    symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What the compiler says; "" when all is well. */
const compile = async (...flags: string[]): Promise<string> => {
  const options = [
    "--strict",
    "--skipLibCheck",
    "false",
    "--noEmit",
    "--preserveSymlinks",
    "--target",
    "es2022",
    "--lib",
    "es2023,esnext.disposable",
    "--types",
    "node",
    ...flags,
  ];
  return promisify(execFile)(process.execPath, [TSC, ...options], { cwd: folder }).then(
    ({ stdout }) => stdout,
    (error: unknown) => (error as { stdout: string }).stdout,
  );
};

test("the type tests hold for the built declarations, in both module systems, with skipLibCheck off", async () => {
  const source = readFileSync(join(ROOT, "test/types/api.ts"), "utf8").replace("../../lib/index", "node-ip-adapter");
  writeFileSync(join(folder, "esm.mts"), source);
  writeFileSync(join(folder, "cjs.cts"), source);
  // A class is one type, whichever way it was reached.
  writeFileSync(
    join(folder, "one.cts"),
    'import { Pipeline } from "node-ip-adapter";\nexport const load = (): Promise<Pipeline> => Pipeline.load();\n',
  );
  writeFileSync(
    join(folder, "two.mts"),
    'import type { Pipeline } from "node-ip-adapter";\nimport { load } from "./one.cjs";\nexport const pipeline: Pipeline = await load();\n',
  );
  expect(await compile("--module", "nodenext", "esm.mts", "cjs.cts", "one.cts", "two.mts")).toBe("");
  expect(
    await compile("--module", "es2022", "--moduleResolution", "bundler", "--exactOptionalPropertyTypes", "esm.mts"),
  ).toBe("");
}, 300_000);

test("one file an entry declares everything, with nothing of the engine's contract and of other packages", () => {
  const files = readdirSync(DIST, { recursive: true, encoding: "utf8" }).filter((file) => /\.d\.[cm]?ts$/.test(file));
  expect(files.sort()).toEqual(["index.d.mts", "index.d.ts", "server/index.d.mts", "server/index.d.ts"]);
  expect(declarations).not.toMatch(/\bNative[A-Z]/);
  const used = (text: string): unknown[] =>
    [...text.matchAll(/(?:from|import\() ?["']([^"']+)["']/g)].map(([, name]) => name);
  expect(used(declarations)).toEqual([]);
  // A pipeline that the server is given is the API's own.
  expect(used(readFileSync(join(DIST, "server/index.d.ts"), "utf8"))).toEqual(["fastify", "../index.js"]);
  expect(declarations).not.toContain("@internal");
});

test("every public name leads to where it is declared in lib/", () => {
  const map = new SourceMap(
    JSON.parse(readFileSync(join(DIST, "index.d.ts.map"), "utf8")) as ConstructorParameters<typeof SourceMap>[0],
  );
  const names = [...declarations.matchAll(/^export (?:type )?\{ ([^}]+) \};$/gm)].flatMap(([, list = ""]) =>
    list.split(", "),
  );
  expect(names.length).toBeGreaterThan(50);
  const lines = declarations.split("\n");
  for (const name of names) {
    const declared = new RegExp(`^(?:declare )?(?:class|interface|type|function|const) ${name}\\b`);
    const line = lines.findIndex((text) => declared.test(text));
    const found = map.findEntry(line, lines[line]!.indexOf(name));
    if (!("originalSource" in found)) throw new Error(`${name} has no place in the map`);
    const source = readFileSync(resolve(DIST, found.originalSource), "utf8").split("\n");
    expect(source[found.originalLine]).toContain(name);
  }
});

test("every script's map names sources that the package has", () => {
  const scripts = readdirSync(DIST, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".js"));
  expect(scripts.length).toBeGreaterThan(50);
  const { files } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { files: string[] };
  expect(files).toEqual(expect.arrayContaining(["dist", "lib"]));
  for (const script of scripts) {
    const file = join(DIST, script);
    expect(readFileSync(file, "utf8")).toMatch(/\n\/\/# sourceMappingURL=\S+\.js\.map\s*$/);
    const { sources } = JSON.parse(readFileSync(`${file}.map`, "utf8")) as { sources: string[] };
    for (const source of sources) {
      const path = resolve(dirname(file), source);
      expect(path.startsWith(join(ROOT, "lib"))).toBe(true);
      expect(existsSync(path)).toBe(true);
    }
  }
});
