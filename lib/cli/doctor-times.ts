/** `doctor`: how long pictures would take here. */
import { CallSite, startNative } from "../native/call";
import type { Done, NativePictureTime } from "../native/contract";
import type { Environment } from "./environment";
import { formatSeconds } from "./report";

const MODELS = { sd15: "SD 1.5", sdxl: "SDXL" } as const;

/** @param json whether nothing may be printed */
export async function estimateTimes(environment: Environment, json: boolean): Promise<NativePictureTime[]> {
  const addon = environment.addon();
  const times = await startNative(new CallSite(), environment.signal, (done: Done<NativePictureTime[]>) =>
    addon.estimateTimes(done),
  ).result;
  if (json) return times;
  const { threads } = addon.system();
  environment.out.write(
    `     about how long a picture takes on ${threads} ${threads === 1 ? "thread" : "threads"} where little else runs, with an image prompt and guidance, the model being loaded (an estimate from some of its ops):\n`,
  );
  for (const time of times) environment.out.write(`     ${timeText(time)}\n`);
  return times;
}

function timeText({ model, dtype, width, height, steps, step, whole }: NativePictureTime): string {
  const each = step < 9.95 ? step.toFixed(1) : step.toFixed(0);
  return `${MODELS[model]}, ${width} x ${height}, ${steps} steps, ${dtype}: ${formatSeconds(whole * 1e3)} (${each} s a step)`;
}
