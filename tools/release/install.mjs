// check:install, with the prebuilt addons in the package.
import { spawnSync } from "node:child_process";
import { root } from "../build/paths.mjs";

/** @returns {{ topics: Map<string, { passed: number, of: number }>, failures: string[] }} */
export function checkInstall({ quick }) {
  const args = ["tools/check-install/main.mjs", "--prebuilds", ...(quick ? ["--quick"] : [])];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8", maxBuffer: 2 ** 28 });
  const topics = new Map();
  for (const [, verdict, topic] of stdout.matchAll(/^(ok|FAIL) +([\w-]+): /gm)) {
    const counted = topics.get(topic) ?? { passed: 0, of: 0 };
    topics.set(topic, { passed: counted.passed + (verdict === "ok" ? 1 : 0), of: counted.of + 1 });
  }
  const failed = [...stdout.matchAll(/^FAIL[\s\S]*?(?=^(?:ok|FAIL|\d+ of) )/gm)].map(([text]) => text.trim());
  return { topics, failures: topics.size === 0 ? [`check:install: ${stderr.slice(-2000)}`] : failed };
}
