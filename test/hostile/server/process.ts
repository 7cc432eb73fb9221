/** `node-ip-adapter serve` in a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import type { ServerConfig } from "../../../lib/server/config";
import { enginesOf } from "../../support/engines";

const MAIN = join(__dirname, "../../../dist/cli/main.js");

export class ServerProcess {
  readonly url: string;
  /** resolves with the exit code; null where a signal ended it */
  readonly exited: Promise<number | null>;
  /** jobs that ended, by the server's log; complete when it has exited */
  ended = 0;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, url: string, exited: Promise<number | null>) {
    this.#child = child;
    this.url = url;
    this.exited = exited;
    createInterface({ input: child.stdout! }).on("line", (line) => {
      if (/"msg":"job (?:ended|failed)"/.test(line)) this.ended++;
    });
  }

  /** Resolves when /readyz says yes. */
  static async start(config: ServerConfig): Promise<ServerProcess> {
    const folder = mkdtempSync(join(tmpdir(), "check-server-"));
    const file = join(folder, "config.json");
    writeFileSync(file, JSON.stringify(config));
    const child = spawn(process.execPath, [MAIN, "serve", "--port", "0", "--config", file], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    // Nothing is left behind where the check itself fails.
    const kill = (): void => void child.kill("SIGKILL");
    process.once("exit", kill);
    const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
    void exited.then(() => {
      process.removeListener("exit", kill);
      rmSync(folder, { recursive: true, force: true });
    });
    let said = "";
    const url = await new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stderr }).on("line", (line) => {
        said += `${line}\n`;
        const [found] = /http:\/\/127\.0\.0\.1:\d+/.exec(line) ?? [];
        if (found !== undefined) resolve(found);
      });
      void exited.then((code) => reject(new Error(`the server ended with ${code ?? "a signal"}: ${said}`)));
    });
    const server = new ServerProcess(child, url, exited);
    while ((await fetch(`${url}/readyz`)).status !== 200) await new Promise(setImmediate);
    return server;
  }

  /** Processes of its engines. */
  get engines(): number[] {
    return enginesOf(this.#child.pid);
  }

  /** Values of /metrics by name and labels, without what stands in front of all of them. */
  async metrics(): Promise<Map<string, number>> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const rows = [...text.matchAll(/^node_ip_adapter_(\S+) (\S+)$/gm)];
    return new Map(rows.map(([, name = "", value]) => [name, Number(value)]));
  }

  terminate(): void {
    this.#child.kill("SIGTERM");
  }

  /** @throws Error where it does not end well */
  async stop(): Promise<void> {
    this.terminate();
    const code = await this.exited;
    if (code !== 0) throw new Error(`the server ended with ${code ?? "a signal"}`);
  }
}
