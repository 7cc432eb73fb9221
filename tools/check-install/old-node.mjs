// A Node that is too old gets a sentence, however it starts the package.
import fs from "node:fs";
import path from "node:path";
import { assert, installedCopy, nodeOf, run } from "./harness.mjs";

const on = (version) => async (context) => {
  const folder = await installedCopy(context, `node-${version}`);
  const old = await nodeOf(version, context);
  assert((await run([old, "--version"], { cwd: folder })).startsWith(`v${version}.`), `this is not Node ${version}`);
  fs.writeFileSync(path.join(folder, "program.cjs"), `require("node-ip-adapter");\n`);
  fs.writeFileSync(
    path.join(folder, "program.mjs"),
    `import { Pipeline } from "node-ip-adapter";\nconsole.log(Pipeline);\n`,
  );
  for (const file of ["program.cjs", "program.mjs", "node_modules/node-ip-adapter/dist/cli/main.js"]) {
    const output = await run([old, file], { cwd: folder, fails: true });
    assert(
      /Error: node-ip-adapter needs Node\.js 20\.9 or later, but this is \d+/.test(output),
      `${file} on Node ${version} says:\n${output}`,
    );
  }
};

export const cases = [18, 16, 14].map((version) => ({ name: `Node ${version}`, run: on(version) }));
