/** The program of a pool's child: loads a pipeline and does what the parent asks for, until the parent goes. */
import { writeSync } from "node:fs";

import type { LoadOptions } from "../types";
import { Pipeline } from "../pipeline";
import { ChildCalls } from "./child-calls";
import { tooLarge } from "./memory-gate";
import type { FromChild, ToChild } from "./messages";
import { toPlainError } from "./plain-errors";

let calls: ChildCalls | undefined;

function send(message: FromChild): void {
  // The parent may be gone; its end is told by "disconnect".
  process.send?.(message, undefined, undefined, () => undefined);
}

/** What it writes last the parent tells. */
function end(reason: string): never {
  writeSync(2, `${reason}\n`);
  process.exit(1);
}

async function load({ options, memory, watched }: Extract<ToChild, { type: "load" }>): Promise<void> {
  const onProgress: LoadOptions["onProgress"] = (event) => send({ type: "download", event });
  try {
    const pipeline = await Pipeline.load({ ...options, ...(watched ? { onProgress } : {}) });
    const { info } = pipeline;
    if (memory !== undefined && info.memoryBytes > memory) throw tooLarge(info.memoryBytes, memory, "the weights");
    calls = new ChildCalls(pipeline, memory, send, end);
    send({ type: "ready", info });
  } catch (error) {
    send({ type: "refused", error: toPlainError(error) });
  }
}

process.on("message", (message: ToChild) => {
  switch (message.type) {
    case "load":
      return void load(message);
    case "call":
      return void calls?.run(message);
    case "cancel":
      return calls?.cancel(message.id);
    case "ping":
      send({ type: "pong", rss: process.memoryUsage.rss(), engine: calls?.stats });
      return;
  }
});
// A terminal, or a service manager, signals all processes: the parent decides what becomes of the calls.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
process.on("disconnect", () => process.exit(0));
