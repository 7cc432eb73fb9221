/** The tables of options in docs/ are those of the schemas. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { GenerateSchema, LoadSchema } from "../lib/options/schema";
import { ROOT } from "./support/load";

test("npm run docs:options would change nothing", async () => {
  const args = ["-r", "./test/support/typescript.cjs", "tools/docs/options.mjs", "--check"];
  await expect(promisify(execFile)(process.execPath, args, { cwd: ROOT })).resolves.toMatchObject({ stderr: "" });
});

test.each([
  ["docs/load.md", LoadSchema],
  ["docs/generate.md", GenerateSchema],
])("%s has a row for every option", (page, { properties }) => {
  const text = readFileSync(join(ROOT, page), "utf8");
  for (const name of Object.keys(properties)) expect(text).toMatch(new RegExp(`^\\|[^|]*\`${name}\``, "m"));
});
