/** Answers of OpenAI's routes: all pictures at once, or as events. */
import type { FastifyReply } from "fastify";

import { EventStream } from "../http/sse";
import type { Job, JobEvent } from "../jobs/job";
import { problemBody } from "../problem";
import type { OpenAiOrder } from "./order";
import { openAiProblem } from "./problem";

/** Clients expect it. Nothing is metered here. */
const USAGE = {
  input_tokens: 0,
  output_tokens: 0,
  total_tokens: 0,
  input_tokens_details: { image_tokens: 0, text_tokens: 0 },
};

/** What is said of every picture. */
function about({ format = "png" }: OpenAiOrder, { width, height }: { width: number; height: number }): object {
  return { size: `${width}x${height}`, quality: "auto", background: "opaque", output_format: format };
}

const seconds = (at: number): number => Math.floor(at / 1000);

/** @throws what the job failed with */
export async function answerWhole(job: Job, order: OpenAiOrder): Promise<object> {
  await job.done;
  // The answer has all there is.
  job.handedOut();
  if (job.state !== "succeeded") throw job.error;
  const [first] = job.images;
  return {
    created: seconds(job.created),
    ...(first !== undefined && about(order, first)),
    // The seed is ours; it makes the picture again.
    data: job.images.map(({ bytes, seed }) => ({ b64_json: bytes.toString("base64"), seed })),
    usage: USAGE,
  };
}

/**
 * @param kind what stands in front of the events' names
 * @param onGone called when the client goes away
 */
export function answerEvents(
  job: Job,
  order: OpenAiOrder,
  reply: FastifyReply,
  { kind, onGone }: { kind: "image_generation" | "image_edit"; onGone: () => void },
): FastifyReply {
  const stream = new EventStream(reply, onGone);
  const sent = new Map<number, number>();
  const partial = ({ preview, image, step, total }: JobEvent & { type: "progress" }): void => {
    const index = sent.get(image) ?? 0;
    // The finished picture is no preview.
    if (preview === undefined || index >= order.partial || step >= total) return;
    sent.set(image, index + 1);
    const type = `${kind}.partial_image`;
    stream.send(type, async () => {
      const bytes = await preview.toBuffer(order.format ?? "png");
      return {
        type,
        b64_json: bytes.toString("base64"),
        partial_image_index: index,
        created_at: seconds(Date.now()),
        ...about(order, preview),
      };
    });
  };
  job.watch((event) => {
    if (event.type === "progress") partial(event);
  });
  void job.done.then(() => {
    job.handedOut();
    const type = `${kind}.completed`;
    for (const image of job.images) {
      const b64_json = image.bytes.toString("base64");
      stream.send(type, {
        type,
        b64_json,
        created_at: seconds(Date.now()),
        seed: image.seed,
        usage: USAGE,
        ...about(order, image),
      });
    }
    if (job.state !== "succeeded") stream.send("error", { type: "error", ...problemBody(openAiProblem(job.error)) });
    stream.end();
  });
  return reply;
}
