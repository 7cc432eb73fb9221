// Writes the list of Node-API's functions for native/binding/windows/node_functions.cc.
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

const { symbols } = createRequire(import.meta.url)("node-api-headers");

/** @param {number} version of Node-API @param {string} folder for node_functions.inc */
export function writeNodeFunctions(version, folder) {
  const { js_native_api_symbols: engine, node_api_symbols: node } = symbols[`v${version}`];
  const text = [...engine, ...node]
    .sort()
    .map((name) => `NODE_FUNCTION(${name})\n`)
    .join("");
  const file = path.join(folder, "node_functions.inc");
  if (fs.existsSync(file) && fs.readFileSync(file, "utf8") === text) return;
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(file, text);
}
