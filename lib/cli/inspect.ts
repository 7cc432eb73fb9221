/** `node-ip-adapter inspect` */
import type { Command } from "commander";

import { inspectWith } from "../inspect";
import type { Inspection } from "../metadata/inspect-picture";
import type { PictureMetadata } from "../metadata/read";
import { CallSite } from "../native/call";
import { InspectSchema } from "../options/file-schema";
import { DownloadReport } from "./download";
import type { Environment } from "./environment";
import { help } from "./option-flags";
import { formatBytes, formatCount, formatTypes } from "./report";
import { settingLines } from "./setting-lines";

export function addInspect(program: Command, environment: Environment): void {
  program
    .command("inspect")
    .description("tell what a weight file or model folder is, from its tensors")
    .argument("<file-or-folder>", "a path, or owner/name on the Hugging Face hub, perhaps with a path in it")
    .option("--offline", help(InspectSchema.properties.offline))
    .option("--json", "the whole answer as one JSON object")
    .action(async (path: string, flags: { json?: boolean; offline?: boolean }) => {
      const report = new DownloadReport(environment, false);
      const options = { offline: flags.offline, signal: environment.signal, onProgress: report.onProgress };
      const inspection = await inspectWith(environment.addon(), path, options, new CallSite()).finally(() =>
        report.end(),
      );
      if (flags.json === true) environment.json(inspection);
      else environment.out.write(`${inspectionLines(inspection).join("\n")}\n`);
    });
}

/** One line for the thing itself, one for each of its components. */
export function inspectionLines(inspection: Inspection, indent = ""): string[] {
  if (inspection.metadata !== undefined) return pictureLines(inspection, inspection.metadata);
  const {
    kind,
    format,
    family,
    variant,
    encoder,
    unsupported,
    tokens,
    parameters,
    bytes,
    tensors,
    types,
    ignored,
    path,
  } = inspection;
  const named = [family, kind, variant === "" ? "" : `(${variant})`].filter((word) => word !== "").join(" ");
  const what = unsupported === "" ? named : `${unsupported}, which this engine does not run`;
  const facts = [
    `${formatCount(parameters)} parameters`,
    `${tensors} tensors`,
    formatTypes(types),
    formatBytes(bytes),
    format,
  ];
  if (tokens > 0) facts.push(`${tokens} image tokens`);
  if (encoder !== "") facts.push(`needs ${encoder}`);
  const line = `${indent}${path === "" ? "" : `${path}: `}${what}: ${facts.filter((fact) => fact !== "").join(", ")}`;
  const skipped =
    ignored.count === 0
      ? []
      : [
          `${indent}  ignored: ${ignored.names.join(", ")}${ignored.count > ignored.names.length ? ` and ${ignored.count - ignored.names.length} more` : ""}`,
        ];
  return [line, ...skipped, ...inspection.components.flatMap((component) => inspectionLines(component, `${indent}  `))];
}

/** The text that other programs show, what it does not say, and the files that the picture was made with. */
function pictureLines({ format, bytes }: Inspection, { parameters, settings }: PictureMetadata): string[] {
  const head = `picture: ${formatBytes(bytes)}, ${format}`;
  if (parameters === undefined && settings === undefined) return [`${head}, no settings in it`];
  const texts = [head, ...(parameters?.split("\n") ?? [])];
  if (settings === undefined) return texts.map(printable);
  const files = settings.files.map(
    ({ option, path = "(in memory)", sha256 = "unknown" }) => `  ${option}: ${path} (sha256 ${sha256})`,
  );
  if (settings.latentsChanged === true)
    texts.push("its latents were changed by onStep: the settings alone do not make it");
  const others = settingLines(settings).map((line) => `  ${line}`);
  return [
    ...texts,
    ...(others.length > 0 ? ["settings:", ...others] : []),
    ...(files.length > 0 ? ["made with:", ...files] : []),
  ].map(printable);
}

/** A picture may be anybody's: its texts do not steer the terminal. */
const printable = (line: string): string => line.replace(/\p{Cc}/gu, "?");
