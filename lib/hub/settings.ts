/** Where the cache is, which hub is asked and with what token: the environment variables that Python's huggingface_hub reads. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";

import { OptionError, fileError, systemCode } from "../errors";
import { readSmallFile } from "../read-file";

type Environment = Record<string, string | undefined>;

/** A variable that is set to nothing counts as absent. */
function variable(environment: Environment, ...names: string[]): string | undefined {
  for (const name of names) {
    const value = environment[name]?.trim();
    if (value !== undefined && value !== "") return value;
  }
  return undefined;
}

function folder(path: string): string {
  return resolve(path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path);
}

function hubHome(environment: Environment): string {
  const home = variable(environment, "HF_HOME");
  return folder(home ?? join(variable(environment, "XDG_CACHE_HOME") ?? join(homedir(), ".cache"), "huggingface"));
}

/** Folder with one folder a repository, shared with Python. */
export function cacheFolder(environment: Environment = process.env): string {
  const cache = variable(environment, "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE");
  return cache === undefined ? join(hubHome(environment), "hub") : folder(cache);
}

/** @throws OptionError when HF_ENDPOINT is no http(s) URL */
export function endpoint(environment: Environment = process.env): string {
  const text = variable(environment, "HF_ENDPOINT") ?? "https://huggingface.co";
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (
    url === undefined ||
    !/^https?:$/.test(url.protocol) ||
    url.username !== "" ||
    url.search !== "" ||
    url.hash !== ""
  ) {
    throw new OptionError(
      "HF_ENDPOINT",
      `expected a URL such as https://huggingface.co but received ${JSON.stringify(text)}`,
    );
  }
  return text.replace(/\/+$/, "");
}

/** What keeps the network from being used, for messages; undefined when nothing does. */
export function offlineReason(
  offline: boolean | undefined,
  environment: Environment = process.env,
): string | undefined {
  if (offline !== undefined) return offline ? "the option offline" : undefined;
  return /^(?:1|on|yes|true)$/i.test(variable(environment, "HF_HUB_OFFLINE") ?? "") ? "HF_HUB_OFFLINE" : undefined;
}

/**
 * The token of the option, of HF_TOKEN, or what `hf auth login` has written.
 * @throws OptionError when it cannot be sent; IpAdapterError ERR_IPA_IO when the token file cannot be read
 */
export async function findToken(
  option: string | undefined,
  environment: Environment = process.env,
): Promise<string | undefined> {
  const token = option ?? variable(environment, "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") ?? (await tokenFile(environment));
  // Not shown: it is a secret.
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    throw new OptionError(
      "token",
      "expected an access token, which has neither spaces nor other special characters: copy it again",
    );
  return token;
}

async function tokenFile(environment: Environment): Promise<string | undefined> {
  const file = folder(variable(environment, "HF_TOKEN_PATH") ?? join(hubHome(environment), "token"));
  try {
    const text = (await readSmallFile(file, 64 * 1024)).toString("utf8").trim();
    return text === "" ? undefined : text;
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error))) return undefined;
    throw fileError("token file", file, error);
  }
}
