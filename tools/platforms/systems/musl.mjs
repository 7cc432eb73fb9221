// musl: npm has no Node for it. The C++ tests are linked statically, so that they run on any Linux, and the addon is asked what it lacks.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { nativeTests } from "../elsewhere.mjs";
import { armOnLinux, needProgram } from "../programs.mjs";

const LOADER = "/lib/ld-musl-x86_64.so.1";

/** @returns {Promise<import("../checks.mjs").Checked>} */
export async function checkMusl(target, addon, options) {
  const links = target.arch === "x64" ? lacking(target, addon) : { rows: [], failures: [] };
  if (options.quick) return links;
  const host = target.arch === "arm64" ? armOnLinux() : { command: [], env: {}, name: "this machine, static" };
  const tests = await nativeTests(target, host);
  return { rows: [...links.rows, ...tests.rows], failures: [...links.failures, ...tests.failures] };
}

/** musl's own loader binds it to musl's own library: only Node's functions may be left over. */
function lacking(target, addon) {
  if (!fs.existsSync(LOADER)) needProgram("musl-gcc", "musl");
  const { stdout, stderr } = spawnSync(LOADER, ["--list", addon], { encoding: "utf8" });
  const symbols = [...`${stdout}\n${stderr}`.matchAll(/: (\S+): symbol not found/g)].map(([, name]) => name);
  const foreign = symbols.filter((name) => !name.startsWith("napi_"));
  const libraries = [...stdout.matchAll(/^\s*(\S+) =>/gm)].map(([, name]) => name);
  const failures = foreign.map((name) => `${target.name}: musl has no ${name}`);
  if (symbols.length === 0)
    failures.push(`${target.name}: the loader named no function of Node, so it was not asked\n${stderr}`);
  return {
    rows: [
      {
        what: "bound by musl's loader",
        where: "this machine",
        result: `${symbols.length} functions of Node left; needs ${libraries.join(", ")}`,
      },
    ],
    failures,
  };
}
