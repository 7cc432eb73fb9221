/** `node-ip-adapter convert` */
import type { Command } from "commander";

import { convertWith } from "../convert";
import { CallSite } from "../native/call";
import { ConvertSchema } from "../options/file-schema";
import type { ConvertType } from "../options/names";
import type { Environment } from "./environment";
import { help } from "./option-flags";
import { formatBytes, formatTypes, progressFor } from "./report";

interface ConvertFlags {
  type: string;
  force?: boolean;
  json?: boolean;
}

export function addConvert(program: Command, environment: Environment): void {
  program
    .command("convert")
    .description("write a weight file, or the weights of a component folder, as another type")
    .argument("<in>", "safetensors, PyTorch or GGUF file, or a folder such as unet/")
    .argument("<out>", "file to write: .gguf, or .safetensors (f32, f16 and bf16 only)")
    .requiredOption("--type <name>", help(ConvertSchema.properties.type))
    .option("--force", "replace <out> where it exists")
    .option("--json", "one JSON object a line on standard output: progress, result")
    .action((input: string, output: string, flags: ConvertFlags) => runConvert(input, output, flags, environment));
}

async function runConvert(input: string, output: string, flags: ConvertFlags, environment: Environment): Promise<void> {
  const progress = progressFor(environment.err, environment.now, flags.json === true, { what: "tensor", show: String });
  try {
    const options = {
      type: flags.type as ConvertType,
      overwrite: flags.force === true,
      signal: environment.signal,
      onProgress: ({
        tensors,
        totalTensors,
        bytes,
        totalBytes,
      }: {
        tensors: number;
        totalTensors: number;
        bytes: number;
        totalBytes: number;
      }) => {
        if (flags.json === true) environment.json({ type: "progress", tensors, totalTensors, bytes, totalBytes });
        else progress.update(tensors, totalTensors);
      },
    };
    const { path, format, tensors, bytes, types } = await convertWith(
      environment.addon(),
      input,
      output,
      options,
      new CallSite(),
    );
    progress.end();
    if (flags.json === true) environment.json({ type: "result", file: path, format, tensors, bytes, types });
    else
      environment.out.write(`${path}: ${tensors} tensors, ${formatTypes(types)}, ${formatBytes(bytes)}, ${format}\n`);
  } finally {
    progress.end();
  }
}
