// The declarations of the public API as one file, dist/index.d.ts, with a map to lib/. What the engine's contract declares
// stays inside, so that an old TypeScript has little to read, and nothing of other packages but Node's. index.d.mts is a view of it, as
// index.mjs is of index.js: a program that reaches the package both ways has one Pipeline.
import { fileURLToPath } from "node:url";

import { rollup } from "rollup";
import { dts } from "rollup-plugin-dts";

const fromRoot = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

const bundle = await rollup({
  input: fromRoot("lib/index.ts"),
  external: (id) => id.startsWith("node:"),
  plugins: [dts({ tsconfig: fromRoot("tsconfig.build.json"), sourcemap: true })],
  onwarn: ({ message }) => {
    throw new Error(message);
  },
});
await bundle.write({ file: fromRoot("dist/index.d.ts"), format: "es", sourcemap: true });
await bundle.close();
