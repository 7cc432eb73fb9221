// Finds a C++17 compiler of the gcc or clang family and knows its command lines.
import { spawnSync } from "node:child_process";

/** @returns {{ command: string[], name: string, version: string }} */
export function findCompiler() {
  const wanted = process.env.CXX?.trim();
  const candidates = wanted ? [wanted.split(/\s+/)] : [["c++"], ["g++"], ["clang++"]];
  const tried = [];
  for (const command of candidates) {
    const result = spawnSync(command[0], [...command.slice(1), "--version"], { encoding: "utf8" });
    if (result.status === 0) return { command, name: command.join(" "), version: result.stdout.split("\n")[0] };
    tried.push(
      `${command.join(" ")}: ${result.error?.code === "ENOENT" ? "not found" : (result.error?.message ?? result.stderr)}`,
    );
  }
  throw new Error(
    [
      "No C++ compiler was found.",
      ...tried.map((line) => `  ${line}`),
      "Install one (Debian, Ubuntu: g++; Fedora: gcc-c++; Alpine: g++; macOS: xcode-select --install)",
      "or name yours, for example: CXX=clang++ npm run build:native",
      "A released package brings a prebuilt addon; the compiler is needed only in a checkout.",
    ].join("\n"),
  );
}

/** Refuses compilers too old for the code, before a hundred errors do. */
export function checkCompiler(compiler) {
  const program = "#include <filesystem>\n#if __cplusplus < 201703L\n#error\n#endif\nint main() { return 0; }\n";
  const args = [...compiler.command.slice(1), "-std=c++17", "-x", "c++", "-fsyntax-only", "-"];
  const result = spawnSync(compiler.command[0], args, { input: program, encoding: "utf8" });
  if (result.status !== 0) {
    throw new Error(
      `${compiler.name} (${compiler.version}) cannot compile C++17; gcc 9, clang 10 or later is needed.\n${result.stderr}`,
    );
  }
}

export const compileFlags = ["-std=c++17", "-fPIC", "-pthread"];

/** Of programs and the addon: the plugins that they open come from libdl, where the C library does not hold that. */
export const systemLibraries = process.platform === "linux" ? ["-ldl"] : [];

export function addonLinkFlags() {
  if (process.platform === "darwin") return ["-bundle", "-undefined", "dynamic_lookup"];
  // Engine threads may still run while a process exits: the code must stay mapped.
  return ["-shared", "-pthread", ...(process.platform === "linux" ? ["-Wl,-z,nodelete"] : [])];
}
