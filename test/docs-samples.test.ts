/**
 * The code on the pages works. A fence says how it is tried: `js run` and `sh run` are run with the shipped model,
 * `ts` is compiled against the built declarations, `js` must parse. Needs `npm run build`.
 */
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import ts from "typescript";

import { ROOT } from "./support/load";
import { PAGES, samplesOf, type Sample } from "./support/markdown";

const samples = PAGES.flatMap(samplesOf);
const marked = (language: string, word?: string): Sample[] =>
  samples.filter((sample) => sample.language === language && (word === undefined || sample.words.includes(word)));

let folder: string;
beforeAll(() => {
  // Below the repository, so that "node-ip-adapter" is this package.
  mkdirSync(join(ROOT, "build"), { recursive: true });
  folder = mkdtempSync(join(ROOT, "build", "samples-"));
  // Two pictures of a reader's own.
  for (const name of ["photo.png", "cat.png", "left.png"])
    copyFileSync(join(ROOT, "examples/images/red-apple.png"), join(folder, name));
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = promisify(execFile);

test.each(marked("js", "run"))("$place runs with the shipped model", async ({ code }) => {
  await run(process.execPath, ["--input-type=module", "-e", code], { cwd: folder });
});

test.each(marked("sh", "run"))("$place runs with the shipped model", async ({ code }) => {
  const command = `"${process.execPath}" "${join(ROOT, "dist", "cli", "main.js")}"`;
  await run("sh", ["-e", "-c", code.replace(/^npx node-ip-adapter\b/gm, command)], { cwd: folder });
});

test("samples in TypeScript compile", () => {
  const found = marked("ts");
  expect(found.length).toBeGreaterThan(3);
  const files = new Map(found.map(({ code }, i) => [join(folder, `sample-${i}.mts`), code]));
  for (const [file, code] of files) writeFileSync(file, code);
  const program = ts.createProgram([...files.keys()], {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    moduleDetection: ts.ModuleDetectionKind.Force,
    lib: ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts"],
    types: ["node"],
    typeRoots: [join(ROOT, "node_modules/@types")],
  });
  const problems = ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
    const place = found[[...files.keys()].indexOf(file?.fileName ?? "")]?.place ?? file?.fileName ?? "";
    return `${place}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
  });
  expect(problems).toEqual([]);
});

test("samples in JavaScript parse", () => {
  const problems = marked("js").flatMap(({ place, code }) => {
    const { diagnostics = [] } = ts.transpileModule(code, { reportDiagnostics: true, fileName: "sample.mjs" });
    return diagnostics.map(({ messageText }) => `${place}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`);
  });
  expect(problems).toEqual([]);
});
