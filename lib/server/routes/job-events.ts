/** What those who follow a job are sent: progress, previews and changes of state until it is over. */
import type { FastifyReply } from "fastify";

import type { GeneratedImage } from "../../index";
import { EventStream, eventText } from "../http/sse";
import type { Job, JobEvent } from "../jobs/job";

type Progress = JobEvent & { type: "progress" };

/** Previews that are encoded or on their way, by what happened. All who follow a job are told of the same object. */
const previews = new WeakMap<Progress, Promise<Buffer>>();

/** The event of a preview, which is encoded once for all who want it. */
function previewText(event: Progress, preview: GeneratedImage): Promise<Buffer> {
  const known = previews.get(event);
  if (known !== undefined) return known;
  const { image, seed, step, total } = event;
  const made = preview
    .toPNG()
    .then((png) =>
      eventText("preview", { image, seed, step, total, type: "image/png", b64_json: png.toString("base64") }),
    );
  previews.set(event, made);
  return made;
}

/** @param view what is told of the job when its state changes */
export function sendEvents(job: Job, reply: FastifyReply, view: () => object): EventStream {
  const stream = new EventStream(reply, () => stop());
  const sendState = (): void => stream.send("state", view());
  const stop = job.watch((event) => {
    if (event.type === "state") {
      sendState();
      if (job.over) stream.end();
      return;
    }
    const { preview, step, total, image, seed } = event;
    stream.send("progress", { step, total, image, seed }, true);
    if (preview !== undefined) stream.sendText(() => previewText(event, preview), true);
  });
  sendState();
  if (job.over) stream.end();
  return stream;
}
