// What an addon is made of, as one number in hex. CommonJS, because the loader of the package asks it too, in a checkout.
"use strict";
const { createHash } = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");

/** Files of the CUDA plugin make another library, and the folder of a build is no source. */
const LEFT_OUT = ["build", "cuda/kernels", "cuda/plugin"];

/**
 * Names and bytes of the files in native/. Line ends count as they are in the checkout.
 * @param {string} root folder of the package
 * @returns {string} SHA-256
 */
function hashSources(root) {
  const native = path.join(root, "native");
  const left = LEFT_OUT.map((folder) => path.join(native, folder) + path.sep);
  const files = fs
    .readdirSync(native, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
    .filter((file) => !left.some((folder) => file.startsWith(folder)))
    .map((file) => [path.relative(native, file).split(path.sep).join("/"), file])
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const hash = createHash("sha256");
  for (const [name, file] of files) {
    const bytes = fs.readFileSync(file);
    hash.update(`${name} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest("hex");
}

module.exports = { hashSources };
