/**
 * The first thing the package runs: an old Node then gets a sentence instead of a syntax error in a file that comes later. So this
 * file needs nothing, and its syntax is that of any Node.
 */
const MINIMUM = [20, 9] as const;

/** @throws Error when `version`, such as "18.20.1", is older than what the package needs */
export function checkNodeVersion(version: string): void {
  const [major, minor] = version.split(".").map(Number) as [number, number];
  if (major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1])) return;
  const error = new Error(
    "node-ip-adapter needs Node.js " +
      MINIMUM.join(".") +
      " or later, but this is " +
      version +
      ": install a newer one",
  );
  throw Object.assign(error, { code: "ERR_IPA_NODE_VERSION" });
}

checkNodeVersion(process.versions.node);
