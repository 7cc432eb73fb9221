/** The flags of `devices`, one for each part, and what is said of where a model runs. */
import type { Command } from "commander";

import type { PipelineInfo } from "../native/contract";
import { DEVICE_PARTS } from "../options/device";
import { DevicesSchema } from "../options/device-schema";
import type { DevicesOptions } from "../types";
import type { Environment } from "./environment";
import { deviceFlagOf } from "./flag-names";
import { help } from "./option-flags";

export function addDeviceFlags(command: Command): Command {
  for (const part of DEVICE_PARTS) command.option(`${deviceFlagOf(part)} <name>`, help(DevicesSchema.properties[part]));
  return command;
}

/** @param flags as commander names them: `textEncoderDevice` */
export function devicesOptions(flags: Readonly<Record<string, unknown>>): DevicesOptions | undefined {
  const given = DEVICE_PARTS.filter((part) => flags[`${part}Device`] !== undefined);
  if (given.length === 0) return undefined;
  return Object.fromEntries(given.map((part) => [part, flags[`${part}Device`]]));
}

/** That a GPU was there to use, and is not used. */
export function sayDevice({ err }: Environment, { deviceNote }: PipelineInfo): void {
  if (deviceNote !== undefined) err.write(`note: this runs on the CPU: ${deviceNote}\n`);
}
