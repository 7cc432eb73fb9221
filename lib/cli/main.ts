#!/usr/bin/env node
import "../node-version";

import { loadedAddon } from "../native/load";
import { EXIT, run } from "./program";

const controller = new AbortController();
let terminated = false;
process.on("SIGINT", () => {
  // A second signal does not wait for the step that is running.
  if (controller.signal.aborted) process.exit(EXIT.interrupted);
  controller.abort();
});
process.on("SIGTERM", () => {
  if (controller.signal.aborted) process.exit(EXIT.terminated);
  terminated = true;
  controller.abort();
});
// A reader that closes early (head) is no error of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(EXIT.ok);
  throw error;
});

void run(process.argv.slice(2), {
  out: process.stdout,
  err: process.stderr,
  signal: controller.signal,
  addon: () => loadedAddon().addon,
  addonFile: () => loadedAddon().file,
  now: () => performance.now(),
  json: (value) => process.stdout.write(`${JSON.stringify(value)}\n`),
}).then((code) => {
  process.exitCode = terminated && code === EXIT.interrupted ? EXIT.terminated : code;
});
