/** A package that cannot be loaded now is told from one that is not there. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

import { InstallError, IpAdapterError } from "../lib/errors";
import { exhaustion, loadPackage } from "../lib/load-failure";
import { loadAddonFrom, loadStatedAddon } from "../lib/native/addon/loader";
import { ROOT } from "./support/load";

const emfile = (): Error => Object.assign(new Error("EMFILE: too many open files, open 'x'"), { code: "EMFILE" });

test.each([
  ["by its code", emfile(), "ERR_IPA_IO", "too many open files"],
  ["by what caused it", new Error('Could not load the "sharp" module', { cause: emfile() }), "ERR_IPA_IO", "ulimit -n"],
  [
    "by the loader's words",
    new Error("libvips-cpp.so: cannot open shared object file: Too many open files"),
    "ERR_IPA_IO",
    "this process",
  ],
  ["in the whole system", new Error("dlopen: Too many open files in system"), "ERR_IPA_IO", "the system has too many"],
  ["memory", new Error("x.node: failed to map segment: Cannot allocate memory"), "ERR_IPA_NO_MEMORY", "no memory"],
])("what ran out is told: %s", (_, error, code, says) => {
  expect(exhaustion("sharp", error)).toMatchObject({
    name: "IpAdapterError",
    code,
    cause: error,
    message: expect.stringContaining(says),
  });
});

test.each([
  Object.assign(new Error("Cannot find module 'sharp'"), { code: "MODULE_NOT_FOUND" }),
  new Error("x.node: cannot allocate memory in static TLS block"),
  "a string",
  undefined,
])("other failures are the package's: %s", (error) => {
  expect(exhaustion("sharp", error)).toBeUndefined();
});

test("a package that fails for want of files is not called missing", () => {
  const missing = (error: unknown): Error => new InstallError("ERR_IPA_SHARP_MISSING", "missing", { cause: error });
  const load = (error: Error) => (): never => {
    throw error;
  };
  expect(() => loadPackage("sharp", load(emfile()), missing)).toThrow(
    expect.objectContaining({ code: "ERR_IPA_IO" }) as Error,
  );
  expect(() => loadPackage("sharp", load(new Error("x")), missing)).toThrow(
    expect.objectContaining({ code: "ERR_IPA_SHARP_MISSING" }) as Error,
  );
});

test("nor is the addon", () => {
  const load = (): never => {
    throw emfile();
  };
  const places = { root: ROOT, prebuilds: join(ROOT, "prebuilds") };
  for (const run of [
    (): unknown => loadAddonFrom(places, { platform: "linux", arch: "x64", libc: "glibc" }, false, load),
    (): unknown => loadStatedAddon(__filename, load),
  ]) {
    expect(run).toThrow(IpAdapterError);
    expect(run).toThrow(expect.objectContaining({ code: "ERR_IPA_IO" }) as Error);
  }
});

const onUnix = process.platform === "win32" ? test.skip : test;

onUnix("sharp loads once there are files to open again, in the same process", () => {
  // Node remembers a package.json that it could not open as one that is not there.
  const script = `
    const { transformFileSync } = require("@swc/core");
    require.extensions[".ts"] = (module, file) => module._compile(transformFileSync(file, { module: { type: "commonjs" }, jsc: { target: "es2022", parser: { syntax: "typescript" } } }).code, file);
    const { loadSharp } = require(${JSON.stringify(join(ROOT, "lib/image/sharp.ts"))});
    const { openSync, closeSync } = require("node:fs");
    const open = [];
    try { for (;;) open.push(openSync("/dev/null", "r")); } catch {}
    loadSharp().then(() => console.log("loaded"), (error) => { open.forEach(closeSync); console.log(error.code); return loadSharp(); })
      .then((sharp) => console.log(typeof sharp), (error) => console.log("still", error.code));
  `;
  const { stdout, stderr } = spawnSync("sh", ["-c", 'ulimit -n 64 && exec "$0" -e "$1"', process.execPath, script], {
    cwd: ROOT,
    encoding: "utf8",
  });
  expect(stdout + stderr).toBe("ERR_IPA_IO\nfunction\n");
});
