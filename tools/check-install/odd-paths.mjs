// The installed package below a path with spaces and letters of all sorts; its pictures and the user's caches lie there too.
import fs from "node:fs";
import path from "node:path";
import { assert, binOf, installedCopy, node } from "./harness.mjs";
import { checkResult, filesProgram, makeInputs } from "./programs.mjs";

/** What has to be escaped in URLs, in shells and in regular expressions, and letters of several widths in UTF-8. */
const ODD = "Ünïcode 猫 🎨 100%25 #1 (a) 'b' $c & d";

async function oddPath(context) {
  const folder = await installedCopy(context, ODD);
  fs.writeFileSync(path.join(folder, "program 画.mjs"), filesProgram());
  const pictures = path.join(folder, "Bilder für 画像");
  makeInputs(pictures);
  const env = { HOME: folder, USERPROFILE: folder, LOCALAPPDATA: folder, XDG_CACHE_HOME: "" };
  await checkResult(await node(["program 画.mjs", pictures], { cwd: folder, env }));
  const command = [binOf(folder, "node-ip-adapter"), "generate", "--steps", "1"];
  const files = ["--image-prompt", `${pictures}/photo.png:0.7`, "--output", `${pictures}/gemalt ✓.png`];
  await node([...command, ...files], { cwd: folder, env });
  const start = fs.readFileSync(path.join(pictures, "gemalt ✓.png")).subarray(1, 4);
  assert(start.toString() === "PNG", "the command wrote no PNG file");
}

export const cases = [{ name: "path with spaces and letters of all sorts", quick: true, run: oddPath }];
