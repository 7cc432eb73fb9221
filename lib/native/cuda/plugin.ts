/** Where CUDA support is: a plugin of the addon, in a package of its own that nothing here depends on. */
import { statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";

import { InstallError, IpAdapterError, messageOf } from "../../errors";
import { packageRoot, packageVersion } from "../../package-root";
import { checkReadable } from "../../permission";
import { isMissing } from "../../require-package";

/** Names the plugin itself; empty or "0": none is used. */
const VARIABLE = "NODE_IP_ADAPTER_CUDA";

/** What is there: a plugin, something that should be one, or nothing. */
export type FoundPlugin = { file: string } | { broken: IpAdapterError } | { absent: string };

/** The npm package for this machine. */
export const cudaPackage = (): string => `node-ip-adapter-cuda-${process.platform}-${process.arch}`;

/** Looked up anew each time: a package may be installed while a program runs. */
export function findPlugin(): FoundPlugin {
  const stated = process.env[VARIABLE];
  if (stated === "" || stated === "0") return { absent: `${VARIABLE} switches it off: unset it` };
  try {
    const file = stated === undefined ? packagedPlugin() : resolve(stated);
    if (file === undefined) return { absent: whatToInstall() };
    checkReadable(file, stated === undefined ? cudaPackage() : VARIABLE);
    // Node would wait for whoever writes to a named pipe.
    if (statSync(file, { throwIfNoEntry: false })?.isFile() === true) return { file };
    return {
      broken: unusable(stated === undefined ? "install it anew" : "correct it, or unset it", `${file} is no file`),
    };
  } catch (error) {
    if (error instanceof IpAdapterError) return { broken: error };
    return { broken: unusable("install it anew", messageOf(error), error) };
  }
}

function whatToInstall(): string {
  return process.platform === "darwin"
    ? 'macOS has no CUDA: use "cpu"'
    : `run npm install ${cudaPackage()}${ofVersion()}`;
}

/** `@1.2.3`: the CUDA package has the version of this one. Nothing where a bundle has no package.json. */
function ofVersion(): string {
  try {
    return `@${packageVersion()}`;
  } catch {
    return "";
  }
}

function unusable(fix: string, problem: string, cause?: unknown): InstallError {
  const what = process.env[VARIABLE] === undefined ? `the package ${cudaPackage()}` : `what ${VARIABLE} names`;
  return new InstallError("ERR_IPA_CUDA_MISSING", `${what} cannot be used: ${problem}: ${fix}`, { cause });
}

/** The file that the package names; undefined: it is not installed. Looked for from this package, then, for a bundle, from the program. */
function packagedPlugin(): string | undefined {
  for (const folder of [packageRoot(), dirname(resolve(process.argv[1] ?? process.execPath))]) {
    const load = createRequire(join(folder, "package.json"));
    let entry: string;
    try {
      // Not by the require of this file: bundlers replace that by one that finds nothing.
      entry = load.resolve(cudaPackage());
    } catch (error) {
      if (isMissing(error)) continue;
      throw error;
    }
    const { file, version } = load(entry) as { file?: unknown; version?: unknown };
    const own = ofVersion();
    if (typeof version === "string" && own !== "" && own !== `@${version}`)
      throw unusable(
        `run npm install ${cudaPackage()}${own}`,
        `it is of version ${version}, and node-ip-adapter of ${own.slice(1)}`,
      );
    if (typeof file === "string" && file !== "") return resolve(dirname(entry), file);
    throw new Error("its main module exports no file");
  }
  return undefined;
}
