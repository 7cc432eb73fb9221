/** The command line as a function of its arguments, so that tests run it in their own process. */
import { Command, CommanderError } from "commander";

import { OptionError, messageOf } from "../errors";
import { packageVersion } from "../package-root";
import { addConvert } from "./convert";
import { addDoctor } from "./doctor";
import { addEncode } from "./encode";
import type { Environment } from "./environment";
import { withFlags } from "./flag-names";
import { addGenerate } from "./generate";
import { addInspect } from "./inspect";
import { addPreprocess } from "./preprocess";
import { addPull } from "./pull";
import { errorCode, errorText } from "./report";
import { addServe } from "./serve";
import { explainUsage } from "./unknown-flag";

export const EXIT = { ok: 0, error: 1, usage: 2, interrupted: 130, terminated: 143 } as const;

/** @param args without node and script @returns the exit code */
export async function run(args: readonly string[], environment: Environment): Promise<number> {
  const program = new Command("node-ip-adapter");
  program
    .description("image prompts for Stable Diffusion")
    .version(packageVersion())
    .configureOutput({
      writeOut: (text) => environment.out.write(text),
      writeErr: (text) => environment.err.write(text),
      outputError: (text, write) => write(explainUsage(text, args, flagsOf(program, args))),
    })
    .showHelpAfterError("(add --help for the options)")
    .exitOverride();
  addGenerate(program, environment);
  addEncode(program, environment);
  addInspect(program, environment);
  addPreprocess(program, environment);
  addPull(program, environment);
  addConvert(program, environment);
  addServe(program, environment);
  addDoctor(program, environment);
  try {
    process.exitCode = 0;
    await program.parseAsync(args, { from: "user" });
    return process.exitCode;
  } catch (error) {
    return report(error, args, environment);
  }
}

/** The long flags of the command that was called. */
function flagsOf(program: Command, args: readonly string[]): string[] {
  const command = program.commands.find((one) => one.name() === args[0]) ?? program;
  return command.options.flatMap(({ long }) => (typeof long === "string" ? [long] : []));
}

function report(error: unknown, args: readonly string[], environment: Environment): number {
  // commander has printed its own message, and "fails" on --help and --version too.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (environment.signal.aborted) {
    environment.err.write("interrupted\n");
    return EXIT.interrupted;
  }
  const message = withFlags(messageOf(error), args);
  environment.err.write(`${errorText(error, message)}\n`);
  if (args.includes("--json")) environment.json({ type: "error", code: errorCode(error), message });
  return error instanceof OptionError ? EXIT.usage : EXIT.error;
}
