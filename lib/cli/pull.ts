/** `node-ip-adapter pull` */
import type { Command } from "commander";

import { pull } from "../hub/pull";
import { PullSchema } from "../options/file-schema";
import { DownloadReport } from "./download";
import type { Environment } from "./environment";
import { help } from "./option-flags";

interface PullFlags {
  revision?: string;
  include?: string[];
  exclude?: string[];
  json?: boolean;
}

const collect = (value: string, others: string[] = []): string[] => [...others, value];

export function addPull(program: Command, environment: Environment): void {
  program
    .command("pull")
    .description(
      "fetch a model or adapter from the Hugging Face hub into the cache shared with Python; says where it is",
    )
    .argument("<repo>", "owner/name, owner/name@revision, or a file or folder of it: owner/name/path")
    .option("--revision <revision>", help(PullSchema.properties.revision))
    .option("--include <glob>", `${help(PullSchema.properties.include)}; repeat for more`, collect)
    .option("--exclude <glob>", `${help(PullSchema.properties.exclude)}; repeat for more`, collect)
    .option("--json", "one JSON object a line on standard output: progress, result")
    .action(async (repo: string, { revision, include, exclude, json = false }: PullFlags) => {
      const report = new DownloadReport(environment, json);
      try {
        const result = await pull(repo, {
          revision,
          include,
          exclude,
          signal: environment.signal,
          onProgress: report.onProgress,
        });
        report.end();
        if (json) environment.json({ type: "result", ...result });
        else environment.out.write(`${result.path}\n`);
      } finally {
        report.end();
      }
    });
}
