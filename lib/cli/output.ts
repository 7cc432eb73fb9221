/** Where the command line writes: checked before a generation starts, which may take minutes. */
import { accessSync, constants, statSync } from "node:fs";
import { dirname, parse, join, resolve } from "node:path";

import { IpAdapterError, OptionError, fileError } from "../errors";
import { formatOfPath } from "../image/encode";

/** @returns the absolute path of a file that can be written */
export function checkOutput(path: string, option: string): string {
  if (path === "") throw new OptionError(option, "expected a file name but received an empty string");
  const file = resolve(path);
  const folder = dirname(file);
  const status = statSync(folder, { throwIfNoEntry: false });
  if (status === undefined) {
    throw new IpAdapterError("ERR_IPA_NOT_FOUND", `${option}: folder not found: ${folder}: create it first`);
  }
  if (!status.isDirectory()) throw new IpAdapterError("ERR_IPA_IO", `${option}: ${folder} is not a folder`);
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory() === true) {
    throw new IpAdapterError("ERR_IPA_IO", `${option}: ${file} is a folder: add a file name`);
  }
  try {
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw fileError(`${option}: folder`, folder, error);
  }
  return file;
}

/** The file of one of `count` pictures: the name itself for a single one, else with the seed before the extension. */
export function outputFile(path: string, seed: number, count: number): string {
  if (count === 1) return path;
  const { dir, name, ext } = parse(path);
  return join(dir, `${name}-${seed}${ext}`);
}

export function checkImageOutput(path: string, option: string): string {
  const file = checkOutput(path, option);
  formatOfPath(file, option);
  return file;
}

/**
 * @param written the files that the command writes, by their flags
 * @param read files that have to stay
 * @throws OptionError where one would be written over
 */
export function checkDistinct(
  written: Readonly<Record<string, string | undefined>>,
  read: Readonly<Record<string, string>>,
): void {
  const taken = new Map(Object.entries(read).map(([flag, file]) => [file, flag]));
  for (const [flag, file] of Object.entries(written)) {
    if (file === undefined) continue;
    const other = taken.get(file);
    if (other !== undefined)
      throw new OptionError(flag, `expected another file than ${other}, which would be written over`);
    taken.set(file, flag);
  }
}
