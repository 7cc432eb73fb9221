/** The operator's hook in a file of its own. */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { OptionError, messageOf } from "../errors";
import type { Moderate } from "./service";

/**
 * @param path of a module whose default export is a function
 * @throws OptionError
 */
export async function loadModeration(path: string): Promise<Moderate> {
  const module = await (import(pathToFileURL(resolve(path)).href) as Promise<{ default?: unknown }>).catch(
    (cause: unknown) => {
      throw new OptionError("moderation", `${path} cannot be loaded: ${messageOf(cause)}`, { cause });
    },
  );
  if (typeof module.default === "function") return module.default as Moderate;
  throw new OptionError(
    "moderation",
    `${path} has no function as its default export: export default ({ image }) => true`,
  );
}
