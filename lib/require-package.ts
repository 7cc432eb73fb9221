/** Packages that are needed only for some calls, loaded by `require`: `import()` fails in the vm contexts of jest and vitest. */
import { createRequire } from "node:module";
import { join } from "node:path";

import { messageOf, systemCode } from "./errors";
import { packageRoot } from "./package-root";

/** Whether an error of `require` says that there is no such package, in the words of Node, of a single executable, or of a bundler. */
export function isMissing(error: unknown): boolean {
  return (
    ["MODULE_NOT_FOUND", "ERR_MODULE_NOT_FOUND", "ERR_UNKNOWN_BUILTIN_MODULE"].includes(systemCode(error)) ||
    /^(Dynamic require of |require is not defined)/.test(messageOf(error))
  );
}

/**
 * @param load `() => require(name)`, written out so that bundlers see it
 * @returns the package as this code sees it; in a bundle that was moved away from it, as the package's own folder sees it
 */
export function requirePackage<T>(name: string, load: () => T): T {
  try {
    return load();
  } catch (error) {
    if (!isMissing(error)) throw error;
    try {
      return createRequire(join(packageRoot(), "package.json"))(name) as T;
    } catch (second) {
      throw isMissing(second) ? error : second;
    }
  }
}
