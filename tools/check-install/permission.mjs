// The installed package under Node's permission model, with the flags that docs/environment.md names.
import fs from "node:fs";
import path from "node:path";
import { root } from "../build/paths.mjs";
import { assert, installedCopy, nodeOf, run } from "./harness.mjs";
import { checkResult, filesProgram, makeInputs } from "./programs.mjs";

/** The page's command as it stands, for a Node of this version. */
function commandFor(version) {
  const page = fs.readFileSync(path.join(root, "docs/environment.md"), "utf8");
  const [, command] = /^```sh\n(node --permission [^`]*?app\.mjs[^`]*?)\n```$/m.exec(page) ?? [];
  assert(command !== undefined, "docs/environment.md has no command with --permission");
  return version > 20 ? command : command.replace("--permission", "--experimental-permission");
}

const onNode = (version) => async (context) => {
  const folder = await installedCopy(context, `permission-${version}`);
  fs.writeFileSync(path.join(folder, "app.mjs"), filesProgram());
  makeInputs(path.join(folder, "pictures"));
  const bin = path.dirname(await nodeOf(version, context));
  const env = { PATH: `${bin}${path.delimiter}${process.env.PATH}` };
  await checkResult(await run(["sh", "-c", commandFor(version)], { cwd: folder, env }));
};

export const cases = [20, 24].map((version) => ({
  name: `node --permission, Node ${version}`,
  quick: version === Number(process.versions.node.split(".")[0]),
  run: onNode(version),
}));
