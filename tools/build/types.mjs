// The declarations of the public API as one file, dist/index.d.ts, with a map to lib/. What the engine's contract declares
// stays inside, so that an old TypeScript has little to read, and nothing of other packages but Node's. index.d.mts is a view of it, as
// index.mjs is of index.js: a program that reaches the package both ways has one Pipeline.
import { fileURLToPath } from "node:url";

import { rollup } from "rollup";
import { dts } from "rollup-plugin-dts";

const fromRoot = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

const api = fromRoot("lib/index.ts");

/** @param external besides Node's own */
async function writeTypes(entry, external, paths) {
  const bundle = await rollup({
    input: fromRoot(`lib/${entry}.ts`),
    external: (id) => id.startsWith("node:") || external.includes(id),
    plugins: [dts({ tsconfig: fromRoot("tsconfig.build.json"), sourcemap: true })],
    onwarn: ({ message }) => {
      throw new Error(message);
    },
  });
  await bundle.write({ file: fromRoot(`dist/${entry}.d.ts`), format: "es", sourcemap: true, paths });
  await bundle.close();
}

await writeTypes("index", [], {});
// A pipeline that the server is given is the API's own.
await writeTypes("server/index", ["fastify", api], { [api]: "../index.js" });
