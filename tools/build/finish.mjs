// Completes dist/ after tsc. The ESM entry is a view of the CommonJS build, so that a program that reaches the package both
// ways has one Pipeline and one set of error classes.
import { createRequire } from "node:module";
import { chmod, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const dist = (name) => fileURLToPath(new URL(`../../dist/${name}`, import.meta.url));

for (const entry of ["index", "server/index"]) {
  const names = Object.keys(createRequire(import.meta.url)(dist(`${entry}.js`)));
  await writeFile(dist(`${entry}.mjs`), `export { ${names.join(", ")} } from "./index.js";\n`);
  await writeFile(dist(`${entry}.d.mts`), 'export * from "./index.js";\n');
}
await chmod(dist("cli/main.js"), 0o755);
