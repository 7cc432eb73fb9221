// Builds with CMakeLists.txt through cmake-js in build/cmake: `npm run build:cmake`. Needs CMake 3.19 or later.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { buildDir, packageDir, root } from "./paths.mjs";

const cmakeJs = path.join(packageDir("cmake-js"), "bin/cmake-js");
const args = ["compile", "--out", path.join(buildDir, "cmake"), "--CDIPA_TESTS=ON", "--parallel"];
const result = spawnSync(process.execPath, [cmakeJs, ...args], { cwd: root, stdio: "inherit" });
process.exitCode = result.status ?? 1;
