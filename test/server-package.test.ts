/** The subpath of the built package: both module systems, and fastify, which is not there for all. Needs `npm run build`. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { ROOT } from "./support/load";

const node = async (...args: string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, args, { cwd: ROOT })).stdout;

test("import and require give one module, and the package alone loads nothing of it", async () => {
  const code = `import { createRequire } from "node:module";
    const require = createRequire(import.meta.url);
    require("node-ip-adapter");
    const early = Object.keys(require.cache).filter((file) => /fastify|dist.server/.test(file));
    const { imageRoutes } = await import("node-ip-adapter/server");
    const later = Object.keys(require.cache).filter((file) => /node_modules.fastify/.test(file));
    console.log(early.length, later.length, require("node-ip-adapter/server").imageRoutes === imageRoutes)`;
  expect(await node("--input-type=module", "-e", code)).toBe("0 0 true\n");
});

test("without fastify, an InstallError says what to install", async () => {
  const code = `const Module = require("node:module");
    const find = Module._resolveFilename;
    Module._resolveFilename = (name, ...others) => {
      if (name === "fastify") throw Object.assign(new Error("Cannot find module 'fastify'"), { code: "MODULE_NOT_FOUND" });
      return find(name, ...others);
    };
    const { InstallError } = require("node-ip-adapter");
    require("node-ip-adapter/server").serve().catch((error) => console.log(error instanceof InstallError, error.code, error.message));`;
  expect(await node("-e", code)).toMatch(/^true ERR_IPA_FASTIFY_MISSING fastify, .*npm install fastify@5/);
});
