// Lets plain `node` run the TypeScript of lib/ and test/, as jest does: `node -r ./test/support/typescript.cjs file.ts`.
"use strict";
const { readFileSync } = require("node:fs");
const { transformSync } = require("@swc/core");

require.extensions[".ts"] = (module, filename) => {
  const { code } = transformSync(readFileSync(filename, "utf8"), {
    filename,
    sourceMaps: "inline",
    jsc: { parser: { syntax: "typescript" }, target: "es2023" },
    // import() stays what it is: ESM packages can be loaded no other way.
    module: { type: "commonjs", ignoreDynamic: true },
  });
  module._compile(code, filename);
};
