/** Links of the pages lead somewhere, and the files that the architecture page names are there. */
import { existsSync, readdirSync } from "node:fs";
import { join, posix, relative } from "node:path";

import { ROOT } from "./support/load";
import { PAGES, anchorsOf, proseOf, relativeLinksOf } from "./support/markdown";

const OTHERS = ["CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "THIRD_PARTY.md", "examples/README.md"];

test.each([...PAGES, ...OTHERS])("links of %s lead to files and headings that exist", (page) => {
  const broken = relativeLinksOf(page).filter((link) => {
    const [target = "", anchor] = link.split("#");
    const path = target === "" ? page : posix.join(posix.dirname(page), target);
    if (!existsSync(join(ROOT, path))) return true;
    return anchor !== undefined && !(path.endsWith(".md") && anchorsOf(path).has(anchor));
  });
  expect(broken).toEqual([]);
});

test("every file and folder that docs/architecture.md names exists", () => {
  const paths = readdirSync(ROOT, { withFileTypes: true })
    .filter(({ name }) => !["node_modules", "build", "dist", ".git"].includes(name))
    .flatMap((entry) =>
      entry.isDirectory()
        ? [
            `${entry.name}/`,
            ...readdirSync(join(ROOT, entry.name), { recursive: true, withFileTypes: true }).map((inner) => {
              const path = relative(ROOT, join(inner.parentPath, inner.name)).replaceAll("\\", "/");
              return inner.isDirectory() ? `${path}/` : path;
            }),
          ]
        : [entry.name],
    );
  const named = [...proseOf("docs/architecture.md").matchAll(/`([^`\n]+)`/g)]
    .map(([, name = ""]) => name)
    .filter((name) => /^[\w@…*./-]+(?:\/|\.(?:cc|h|ts|mjs|cjs|js|py|md|json|gypi|gyp))$/.test(name));
  expect(named.length).toBeGreaterThan(30);
  const missing = named.filter((name) => {
    const pattern = name.replace(/^…\//, "").replace(/[.]/g, "\\.").replaceAll("*", "[^/]*");
    const found = new RegExp(`(?:^|/)${pattern}$`);
    return !paths.some((path) => found.test(path));
  });
  expect(missing).toEqual([]);
});
