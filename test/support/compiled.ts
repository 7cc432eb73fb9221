/** What tests need that a compiler makes: `npm test` takes the prebuilt addon where it fits, also where there is no compiler. */
import { existsSync } from "node:fs";
import { join } from "node:path";

import { ROOT } from "./load";

const NATIVE_TESTS = join(ROOT, "build/Release", process.platform === "win32" ? "native_tests.exe" : "native_tests");
const ADDON_RECORD = join(ROOT, "build/objects/node_ip_adapter.node.json");

/** False only beside a prebuilt addon: a build that went wrong is no reason to leave tests out. */
export const compiled = existsSync(NATIVE_TESTS) || existsSync(ADDON_RECORD);

/** Added to the names of tests that are left out. */
export const withoutCompiler = compiled ? "" : " (left out: prebuilt addon, and no compiler here)";

export const describeCompiled = compiled ? describe : describe.skip;
