/**
 * Node's permission model (`--permission`) for what the addon opens: it does so past Node's own checks, so they are made here first.
 */
import { statSync } from "node:fs";
import { join } from "node:path";

import { IpAdapterError } from "./errors";

type Scope = "fs.read" | "fs.write";

interface PermissionModel {
  has(scope: Scope | "child", path?: string): boolean;
}

/** undefined where the process has no such limits. */
const permissions = (): PermissionModel | undefined =>
  (process as unknown as { permission?: PermissionModel }).permission;

/**
 * That the process may read a file, or a folder with all that is in it.
 * @param option for messages
 * @throws IpAdapterError ERR_IPA_IO
 */
export function checkReadable(path: string, option: string): void {
  const model = permissions();
  if (model === undefined) return;
  if (!model.has("fs.read", path)) throw denied("fs.read", path, option);
  const inside = join(path, "config.json");
  if (isFolder(path) && !model.has("fs.read", inside)) throw denied("fs.read", path, option);
}

/** That it may write a file, and the temporary one beside it that is renamed when it is whole. @throws IpAdapterError ERR_IPA_IO */
export function checkWritable(path: string, option: string): void {
  const model = permissions();
  if (model === undefined) return;
  for (const file of [path, `${path}.tmp-0`]) if (!model.has("fs.write", file)) throw denied("fs.write", path, option);
}

/** Whether the process may start others. */
export function mayStartProcesses(): boolean {
  return permissions()?.has("child") ?? true;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function denied(scope: Scope, path: string, option: string): IpAdapterError {
  const [may, fix] =
    scope === "fs.read"
      ? ["read", "it (a folder with all in it)"]
      : ["write", "its folder, where a temporary file is written first"];
  return new IpAdapterError(
    "ERR_IPA_IO",
    `${option}: Node's permission model does not let this process ${may} ${path}: start node with --allow-${scope.replace(".", "-")} for ${fix}`,
  );
}
