// Makes a folder that node-gyp takes as --nodedir, from the package node-api-headers and the few settings below: builds
// then need neither the headers of the running Node nor their download. Node-API is the same for every Node version.
import fs from "node:fs";
import path from "node:path";
import { buildDir, packageDir } from "./paths.mjs";

const commonGypi = {
  target_defaults: {
    default_configuration: "Release",
    configurations: { Release: { defines: ["NDEBUG"] }, Debug: { cflags: ["-g", "-O0"] } },
    cflags: ["-fPIC", "-pthread"],
    conditions: [["OS=='mac'", { defines: ["_DARWIN_USE_64_BIT_INODE=1"] }]],
  },
};

/** @returns {string} absolute path for --nodedir */
export function makeNodedir() {
  const nodedir = path.join(buildDir, "nodedir");
  const include = path.join(nodedir, "include/node");
  fs.cpSync(path.join(packageDir("node-api-headers"), "include"), include, { recursive: true });
  fs.writeFileSync(path.join(include, "common.gypi"), JSON.stringify(commonGypi, null, 2));
  return nodedir;
}
