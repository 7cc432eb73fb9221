// Progress on the terminal and cancellation with Ctrl+C or after a time limit: node examples/cancel-with-progress.mjs [SECONDS]
import { Pipeline } from "node-ip-adapter";

const limit = Number(process.argv[2] ?? 60);
const interrupted = new AbortController();
process.once("SIGINT", () => interrupted.abort(new Error("interrupted")));
const signal = AbortSignal.any([interrupted.signal, AbortSignal.timeout(limit * 1000)]);

const pipeline = await Pipeline.load({ signal });
try {
  const { images } = await pipeline.generate({
    prompt: "a picture on a green background",
    imagePrompts: [{ image: new URL("images/red-apple.png", import.meta.url) }],
    steps: 50,
    seed: 7,
    signal,
    onProgress: ({ step, total }) => process.stdout.write(`\rstep ${step} of ${total}`),
  });
  await images[0].toFile("progress.png");
  console.log("\nwrote progress.png");
} catch (error) {
  // A cancelled call rejects with the signal's own reason; the pipeline stays usable.
  if (error !== signal.reason) throw error;
  console.log(`\nstopped: ${error.message}`);
  process.exitCode = 1;
} finally {
  await pipeline.dispose();
}
