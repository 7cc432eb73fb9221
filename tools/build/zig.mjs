// The compiler for other systems: a tool of developers, from PyPI.
import { spawnSync } from "node:child_process";

/** @returns {{ command: string[], version: string }} */
export function findZig() {
  const command = (process.env.IPA_ZIG?.trim() || "python3 -m ziglang").split(/\s+/);
  const { status, stdout, stderr, error } = spawnSync(command[0], [...command.slice(1), "version"], {
    encoding: "utf8",
  });
  if (status !== 0)
    throw new Error(
      `${command.join(" ")}: ${error?.message ?? stderr.trim()}\nzig comes from PyPI: python3 -m venv build/zig && ` +
        "build/zig/bin/pip install ziglang==0.17.1, then IPA_ZIG='build/zig/bin/python -m ziglang' before this command",
    );
  return { command, version: stdout.trim() };
}
