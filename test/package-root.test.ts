/** Where the package's own files are found, in place and from a bundle, and what is said when they are not. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { sharpError } from "../lib/image/sharp";
import { checkNodeVersion } from "../lib/node-version";
import { isMissing, requirePackage } from "../lib/require-package";
import { findRoot, outsideArchive, packageRoot, shippedFolder, shippedModel } from "../lib/package-root";
import { Pipeline } from "../lib";
import { ROOT } from "./support/load";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "root-"))));
afterEach(() => {
  delete process.env["NODE_IP_ADAPTER_ROOT"];
  rmSync(folder, { recursive: true });
});

function packageAt(path: string, name: string): string {
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "package.json"), JSON.stringify({ name }));
  return path;
}

test("the code in place finds its own folder", () => {
  expect(findRoot(join(ROOT, "lib"))).toBe(ROOT);
  expect(shippedModel().model).toBe(join(ROOT, "models", "mini"));
});

test("a bundle finds the package that is installed above it, not the program's own folder", () => {
  const app = packageAt(join(folder, "app"), "my-app");
  mkdirSync(join(app, "dist"));
  const installed = packageAt(join(app, "node_modules", "node-ip-adapter"), "node-ip-adapter");
  expect(findRoot(join(app, "dist"))).toBe(installed);
});

test("in Electron's archive the files are those unpacked beside it, where they are unpacked", () => {
  const place = join("node_modules", "node-ip-adapter");
  const archived = packageAt(join(folder, "app.asar", place), "node-ip-adapter");
  expect(outsideArchive(findRoot(archived))).toBe(archived);
  const unpacked = packageAt(join(folder, "app.asar.unpacked", place), "node-ip-adapter");
  expect(outsideArchive(findRoot(archived))).toBe(unpacked);
  expect(outsideArchive(unpacked)).toBe(unpacked);
  const named = packageAt(join(folder, "my.asarium"), "node-ip-adapter");
  expect(outsideArchive(named)).toBe(named);
});

test("NODE_IP_ADAPTER_ROOT comes first, also when it is set late", async () => {
  expect(packageRoot()).toBe(ROOT);
  process.env["NODE_IP_ADAPTER_ROOT"] = folder;
  expect(packageRoot()).toBe(folder);
  cpSync(join(ROOT, "models", "clip-vocabulary"), join(folder, "models", "clip-vocabulary"), { recursive: true });
  expect(shippedFolder("clip-vocabulary")).toBe(join(folder, "models", "clip-vocabulary"));
  await expect(Pipeline.load()).rejects.toMatchObject({
    name: "InstallError",
    code: "ERR_IPA_FILES_MISSING",
    message: expect.stringMatching(/models.mini.*external.*NODE_IP_ADAPTER_ROOT.*bundlers\.md/),
  });
});

test("a package that a bundle does not see is taken from the package's own folder, and the first error stays if there is none", () => {
  const installed = join(folder, "node_modules", "some-package");
  packageAt(installed, "some-package");
  writeFileSync(join(installed, "index.js"), "module.exports = 42");
  process.env["NODE_IP_ADAPTER_ROOT"] = folder;
  for (const message of ['Dynamic require of "x" is not supported', "require is not defined"]) {
    const fail = (): number => {
      throw new Error(message);
    };
    expect(requirePackage("some-package", fail)).toBe(42);
    expect(() => requirePackage("no-such-package", fail)).toThrow(message);
  }
  const broken = (): never => {
    throw new Error("broken");
  };
  expect(() => requirePackage("some-package", broken)).toThrow("broken");
  expect(isMissing(new Error("broken"))).toBe(false);
});

test.each(["18.20.8", "20.8.1", "12.22.12", "0.10.48"])("Node %s is told what is needed", (version) => {
  expect(() => checkNodeVersion(version)).toThrow(
    `node-ip-adapter needs Node.js 20.9 or later, but this is ${version}: install a newer one`,
  );
});

test.each(["20.9.0", "22.0.0", "26.1.0-nightly"])("Node %s will do", (version) => {
  expect(() => checkNodeVersion(version)).not.toThrow();
});

test("sharp: the platform is blamed only when its binary is what is missing", () => {
  const missing = sharpError(
    Object.assign(new Error("Cannot find module 'sharp'"), { code: "MODULE_NOT_FOUND" }),
  ).message;
  expect(missing).toContain("npm install --include=optional sharp");
  expect(missing).not.toContain("platform");
  expect(sharpError(new Error('Could not load the "sharp" module using the linux-x64 runtime')).message).toContain(
    "on the platform that runs it",
  );
  const other = sharpError(new Error("out of memory")).message;
  expect(other).toContain("out of memory");
  expect(other).not.toMatch(/npm install|platform/);
});
