/** THIRD_PARTY.md says what comes with the package, and nothing comes with it that would surprise its users. */
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { ROOT } from "./support/load";

interface Dependency {
  name: string;
  licence: string;
  installScript: boolean;
}

const PERMISSIVE = ["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"];
/** sharp's libvips: a shared library that users may replace. */
const LIBVIPS = /^@img\/sharp-(?:libvips-|win32-|wasm32$)/;

const script = join(ROOT, "tools/docs/third-party.mjs");
const run = (flag: string): string => execFileSync(process.execPath, [script, flag], { encoding: "utf8" });
const page = readFileSync(join(ROOT, "THIRD_PARTY.md"), "utf8");

let packages: Dependency[];
beforeAll(() => {
  const { installed, server } = JSON.parse(run("--json")) as Record<"installed" | "server", Dependency[]>;
  packages = [...installed, ...server];
});

test("npm run docs:third-party would change nothing", () => {
  expect(run("--check")).toContain("up to date");
});

test("every package that users get has a permissive licence, but sharp's libvips", () => {
  expect(packages.map(({ name }) => name)).toEqual(expect.arrayContaining(["sharp", "semver", "fastify", "pino"]));
  const others = packages.filter(({ licence }) => !PERMISSIVE.includes(licence));
  expect(others.filter(({ name }) => !LIBVIPS.test(name))).toEqual([]);
  for (const { licence } of others)
    expect([...PERMISSIVE, "LGPL-3.0-or-later"]).toEqual(expect.arrayContaining(licence.split(" AND ")));
});

test("no package that users get runs a script when it is installed", () => {
  expect(packages.filter(({ installScript }) => installScript).map(({ name }) => name)).toEqual([]);
});

test("the page names every library in sharp's libvips that lies here", () => {
  const folder = join(ROOT, "node_modules/@img");
  const found = readdirSync(folder).filter((name) => /^sharp-(?:libvips|win32)-/.test(name));
  expect(found.length).toBeGreaterThan(0);
  for (const name of found) {
    const readme = readFileSync(join(folder, name, "README.md"), "utf8");
    const libraries = [...readme.matchAll(/^\| ([\w-]+) +\| (?!Used under)/gm)].map(([, library = ""]) => library);
    expect(libraries.length).toBeGreaterThan(20);
    const section = page.slice(page.indexOf("### libvips"), page.indexOf("## Packages for the server"));
    expect(libraries.filter((library) => !new RegExp(`\\b${library}\\b`).test(section))).toEqual([]);
  }
});

test.each([
  ["@iconify-json/fluent-emoji", "Fluent Emoji", "Microsoft Corporation"],
  ["@iconify-json/fluent-emoji-flat", "Fluent Emoji", "Microsoft Corporation"],
  ["@iconify-json/noto", "Noto Emoji", "Google LLC"],
])("the pictures of %s that the models learned from are under the licence that the page says", (name, title, owner) => {
  const { license } = JSON.parse(readFileSync(join(ROOT, "node_modules", name, "info.json"), "utf8")) as {
    license: { spdx: string };
  };
  const row = page.split("\n").find((line) => line.startsWith(`| [${title}]`)) ?? "";
  expect(row.split("|").map((cell) => cell.trim())).toEqual(expect.arrayContaining([license.spdx, owner]));
});
