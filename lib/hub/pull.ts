import { lazily } from "../load-failure";
import { CallSite } from "../native/call";
import { PullSchema } from "../options/file-schema";
import { readOptions } from "../options/validate";
import type { PullOptions, PullResult } from "../types";

const work = lazily(() => require("./fetch-repository") as typeof import("./fetch-repository"));

/**
 * Fetches a repository of the Hugging Face hub, or a file or folder of it, into the cache shared with Python: without
 * `include`, what the engine reads of it. Asks the hub for the newest commit of the revision each time.
 * @param name `owner/name`, `owner/name@revision`, each with a path behind it
 * @throws OptionError; HubError; IpAdapterError ERR_IPA_IO; signal.reason
 */
export async function pull(name: string, options: PullOptions = {}): Promise<PullResult> {
  const site = new CallSite();
  return work().fetchRepository(name, readOptions(PullSchema, options), site);
}
