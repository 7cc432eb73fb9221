/** What `npm pack` would publish: nothing that starts a compiler, and pages whose links lead somewhere. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, posix } from "node:path";

import { ROOT } from "./support/load";

let packed: string[];
beforeAll(() => {
  const answer = execFileSync("npm", ["pack", "--dry-run", "--ignore-scripts", "--json"], {
    cwd: ROOT,
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  // A list, or from npm 12 on a table by name.
  const [description] = Object.values(JSON.parse(answer) as Record<string, { files: { path: string }[] }>);
  packed = description!.files.map(({ path }) => path);
});

test("there is no binding.gyp at the root, where Yarn and pnpm would start node-gyp for it, but the one of native/", () => {
  expect(packed).not.toContain("binding.gyp");
  expect(packed).toContain("native/binding.gyp");
  expect(packed).toContain("native/sources.gypi");
  const { scripts, gypfile } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
    gypfile: boolean;
  };
  // Without the latter, npm adds a script when it publishes from a folder with a binding.gyp.
  expect(gypfile).toBe(false);
  for (const hook of ["preinstall", "install", "postinstall", "prepare"]) expect(scripts).not.toHaveProperty(hook);
});

test("what a build leaves behind is not packed", () => {
  expect(packed.filter((path) => /(^|\/)(build\/Release|node_modules|test)\/|\.(o|tgz|log)$/.test(path))).toEqual([]);
});

test("relative links of the packed pages lead to packed files", () => {
  const pages = packed.filter((path) => path.endsWith(".md"));
  expect(pages).toEqual(expect.arrayContaining(["README.md", "THIRD_PARTY.md", "docs/api.md", "docs/bundlers.md"]));
  const broken = pages.flatMap((page) =>
    [...readFileSync(join(ROOT, page), "utf8").matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = ""]) => {
      const [target = ""] = link.split("#");
      if (target === "" || /^[a-z]+:/.test(target)) return [];
      const path = posix.join(posix.dirname(page), target).replace(/\/$/, "");
      return packed.some((file) => file === path || file.startsWith(`${path}/`)) ? [] : [`${page}: ${link}`];
    }),
  );
  expect(broken).toEqual([]);
});
