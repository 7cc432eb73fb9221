/** `node-ip-adapter serve` */
import type { Command } from "commander";

import { OptionError } from "../errors";
import { lazily } from "../load-failure";
import type { Environment } from "./environment";

const config = lazily(() => require("../server/config") as typeof import("../server/config"));
const keyFiles = lazily(() => require("../server/http/keys") as typeof import("../server/http/keys"));
const moderation = lazily(() => require("../server/moderation") as typeof import("../server/moderation"));
const server = lazily(() => require("../server/serve") as typeof import("../server/serve"));

interface ServeFlags {
  host: string;
  port: string;
  config?: string;
  apiKeyFile?: string;
  quiet?: boolean;
}

export function addServe(program: Command, environment: Environment): void {
  program
    .command("serve")
    .description(
      "serve pictures over HTTP: OpenAI's image routes, and jobs with all options; needs the package fastify",
    )
    .option("--host <address>", "address to listen on; another one than this machine's own needs keys", "127.0.0.1")
    .option("--port <number>", "port to listen on; 0: any that is free", "8000")
    .option("--config <file>", "models, limits and more, as JSON: docs/server.md (default: the shipped model)")
    .option("--api-key-file <file>", "keys of those who may call, one a line, with a name in front of each or none")
    .option("--quiet", "no lines about requests and jobs")
    .action((flags: ServeFlags) => runServe(flags, environment));
}

/** Ends when the signal has fired and all jobs have ended. */
async function runServe(
  { host, port, config: file, apiKeyFile, quiet = false }: ServeFlags,
  environment: Environment,
): Promise<void> {
  const { signal } = environment;
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535)
    throw new OptionError("--port", `expected a number from 0 to 65535 but received "${port}"`);
  const { moderation: hook, ...settings } = file === undefined ? {} : await config().readConfigFile(file);
  const keys = apiKeyFile === undefined ? [] : await keyFiles().readKeyFile(apiKeyFile);
  const moderate = hook === undefined ? undefined : await moderation().loadModeration(hook);
  const { url, warm, close } = await server().serve({
    ...settings,
    host,
    port: Number(port),
    keys,
    moderate,
    log: !quiet,
  });
  environment.err.write(`serving on ${url}, its routes are on ${url}/docs\n`);
  const stopped = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  // A server whose first model cannot be loaded ends, so that who started it hears of it.
  await Promise.race([stopped, warm.then(() => stopped)]).catch(async (error: unknown) => {
    await close();
    throw (error as Error).cause ?? error;
  });
  environment.err.write("stopping: jobs that were accepted may end; a second signal ends them\n");
  await close();
}
