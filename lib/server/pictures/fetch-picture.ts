/** Pictures by URL, where the operator allows them. Every address is checked when it is connected to, on every redirect. */
import { lookup as lookupName } from "node:dns";
import { type IncomingMessage, get as getHttp } from "node:http";
import { get as getHttps } from "node:https";
import type { LookupFunction } from "node:net";

import { ImageError, OptionError } from "../../index";
import { isPublic } from "./addresses";
import type { FetchPicture } from "./json-options";

export interface FetchRules {
  /** the only hosts; undefined: all */
  hosts: readonly string[] | undefined;
  /** whether an address may be connected to; default: the public ones */
  mayConnect?: (address: string) => boolean;
  ports?: readonly string[];
  lookup?: typeof lookupName;
}

const MOST = { redirects: 3, bytes: 20 * 2 ** 20, milliseconds: 15_000 };
/** "" stands for the protocol's own */
const PORTS = ["", "80", "443"];

/** One message for all that is refused, so that nobody learns what is in our network. */
const refusal = (option: string): OptionError =>
  new OptionError(
    option,
    "this server does not fetch pictures from there: send the picture itself, as data:image/png;base64,…",
  );
const failure = (option: string, why: string): ImageError =>
  new ImageError("ERR_IPA_IMAGE_FORMAT", `${option}: the picture could not be fetched: ${why}`);

export function pictureFetcher(rules: FetchRules): NonNullable<FetchPicture> {
  return async (url, option, signal) => {
    const ends = AbortSignal.any([signal, AbortSignal.timeout(MOST.milliseconds)]);
    let next = url;
    for (let hop = 0; hop <= MOST.redirects; hop++) {
      const response = await ask(checkUrl(next, rules, option), rules, option, ends);
      const { statusCode = 0, headers } = response;
      if (statusCode >= 300 && statusCode < 400 && headers.location !== undefined) {
        response.destroy();
        if (!URL.canParse(headers.location, next)) throw refusal(option);
        next = new URL(headers.location, next).href;
        continue;
      }
      if (statusCode !== 200) {
        response.destroy();
        throw failure(option, `the server there answered ${statusCode}`);
      }
      return readAll(response, option);
    }
    throw failure(option, `more than ${MOST.redirects} redirects`);
  };
}

function checkUrl(text: string, { hosts, ports = PORTS, mayConnect = isPublic }: FetchRules, option: string): URL {
  if (!URL.canParse(text)) throw refusal(option);
  const url = new URL(text);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const fine =
    /^https?:$/.test(url.protocol) &&
    url.username === "" &&
    url.password === "" &&
    ports.includes(url.port) &&
    (hosts === undefined || hosts.includes(url.hostname)) &&
    // An address in place of a name is not looked up.
    (!/^[\d.]+$|:/.test(host) || mayConnect(host));
  if (!fine) throw refusal(option);
  return url;
}

function ask(
  url: URL,
  { mayConnect = isPublic, lookup = lookupName }: FetchRules,
  option: string,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  // The connection goes to the address that was checked, so a name cannot change its mind in between.
  const checked: LookupFunction = (name, options, done) => {
    lookup(name, { ...options, all: true }, (error, addresses) => {
      const [first] = error === null ? addresses : [];
      if (first === undefined || !addresses.every(({ address }) => mayConnect(address))) done(refusal(option), "", 0);
      else if (options.all === true) done(null, [first]);
      else done(null, first.address, first.family);
    });
  };
  const get = url.protocol === "https:" ? getHttps : getHttp;
  return new Promise((resolve, reject) => {
    const request = get(
      url,
      { lookup: checked, signal, agent: false, headers: { accept: "image/*", "accept-encoding": "identity" } },
      resolve,
    );
    request.once("error", (error) =>
      reject(error instanceof OptionError ? error : failure(option, "no connection, or too slow")),
    );
  });
}

async function readAll(response: IncomingMessage, option: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MOST.bytes) break;
      chunks.push(chunk);
    }
  } catch {
    throw failure(option, "it did not come whole, or too slowly");
  }
  if (bytes > MOST.bytes)
    throw new ImageError("ERR_IPA_IMAGE_LIMIT", `${option}: a picture may have ${MOST.bytes} bytes`);
  return Buffer.concat(chunks);
}
