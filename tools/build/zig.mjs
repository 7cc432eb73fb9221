// The compiler for other systems: a tool of developers, from PyPI.
import { spawnSync } from "node:child_process";
import path from "node:path";

/** @returns {{ command: string[], version: string }} `command` works from any folder */
export function findZig() {
  const [named, ...args] = (process.env.IPA_ZIG?.trim() || "python3 -m ziglang").split(/\s+/);
  const command = [named.includes("/") ? path.resolve(named) : named, ...args];
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
