import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

let root: string | undefined;

/** Folder of this package: the nearest one above this file with a package.json and the shipped models or sources. */
export function packageRoot(): string {
  if (root === undefined) {
    let folder = __dirname;
    while (!existsSync(join(folder, "package.json")) && dirname(folder) !== folder) folder = dirname(folder);
    root = folder;
  }
  return root;
}

/** The small model that ships with the package, and its adapter. */
export function shippedModel(): { model: string; adapter: string } {
  const model = join(packageRoot(), "models", "mini");
  return { model, adapter: join(model, "ip-adapter.safetensors") };
}

export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string };
  return version;
}
