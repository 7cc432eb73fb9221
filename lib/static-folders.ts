/**
 * The folders that the package brings, each as one static expression. Tools that copy a program's files (ncc, @vercel/nft) read them from
 * the code, and ncc writes other paths in their place. So this file is as plain as can be: `path.join(__dirname, …)` and no syntax
 * from after 2020, or ncc passes over it without a word.
 */
// Becomes `const path = require(…)`, which ncc knows
import path = require("node:path");

/** undefined in a bundle of ES modules, which has no `__dirname` */
export const STATIC_FOLDERS =
  typeof __dirname === "undefined"
    ? undefined
    : {
        mini: path.join(__dirname, "..", "models", "mini"),
        "clip-vocabulary": path.join(__dirname, "..", "models", "clip-vocabulary"),
        prebuilds: path.join(__dirname, "..", "prebuilds"),
      };
