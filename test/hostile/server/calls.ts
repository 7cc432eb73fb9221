/** Calls with known answers, and a client that follows a job to its end and counts what became of it. */
import { createHash } from "node:crypto";

import sharp from "sharp";

import { type GenerateOptions, Pipeline } from "../../../lib/index";
import { noise } from "../../support/random-calls";

/** Different calls; each is made many times. */
const KINDS = 24;

export type Outcome = "succeeded" | "different" | "crashed" | "cancelled" | "failed" | "lost";

export interface Kind {
  /** as JSON has them */
  options: Record<string, unknown>;
  /** hash of the files of its pictures */
  alone: string;
}

const hashOf = (files: readonly Uint8Array[]): string => {
  const hash = createHash("sha256");
  for (const file of files) hash.update(file);
  return hash.digest("hex");
};

/** @param side of the pictures, a multiple of 8 */
export async function makeKinds(side: number): Promise<Kind[]> {
  await using pipeline = await Pipeline.load();
  const kinds: Kind[] = [];
  for (let kind = 0; kind < KINDS; kind++) {
    const picture = await sharp(noise(40, 40, kind), { raw: { width: 40, height: 40, channels: 3 } })
      .png()
      .toBuffer();
    const options = {
      prompt: `a cat ${kind}`,
      seed: kind,
      steps: 2 + (kind % 3),
      count: 1 + (kind % 2),
      width: side,
      height: side,
    };
    const image = `data:image/png;base64,${picture.toString("base64")}`;
    const shown = kind % 3 === 0;
    const call: GenerateOptions = { ...options, ...(shown && { imagePrompts: [{ image: picture, scale: 0.6 }] }) };
    const { images } = await pipeline.generate(call);
    kinds.push({
      options: { ...options, ...(shown && { imagePrompts: [{ image, scale: 0.6 }] }) },
      alone: hashOf(await Promise.all(images.map((one) => one.toPNG()))),
    });
  }
  return kinds;
}

export const kindOf = (kinds: readonly Kind[], random: () => number): Kind =>
  kinds[Math.floor(random() * kinds.length)]!;

/** What became of accepted jobs. */
export class Tally {
  accepted = 0;
  /** jobs whose end was told more than once */
  twice = 0;
  readonly #outcomes: Record<Outcome, number> = {
    succeeded: 0,
    different: 0,
    crashed: 0,
    cancelled: 0,
    failed: 0,
    lost: 0,
  };

  /** Follows an accepted job to its end. */
  async follow(url: string, job: JobView, alone: string): Promise<void> {
    this.accepted++;
    const { outcome, ends } = await follow(url, job.id, alone);
    this.#outcomes[outcome]++;
    if (ends > 1) this.twice++;
  }

  get sums(): Record<string, number> {
    return { accepted: this.accepted, twice: this.twice, ...this.#outcomes };
  }
}

export interface JobView {
  id: string;
  state: "queued" | "running" | "succeeded" | "failed" | "cancelled";
  images: { url: string }[];
  error: { code: string } | null;
}

/** @returns undefined where it is refused */
export async function submit(url: string, body: object): Promise<JobView | undefined> {
  const response = await fetch(`${url}/v1/jobs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const view = (await response.json()) as JobView;
  return response.status === 202 ? view : undefined;
}

/**
 * Follows an accepted job to its end, and fetches its pictures.
 * @returns what became of it, and how often its end was told
 */
export async function follow(url: string, id: string, alone: string): Promise<{ outcome: Outcome; ends: number }> {
  try {
    const text = await (await fetch(`${url}/v1/jobs/${id}/events`)).text();
    const states = [...text.matchAll(/^event: state\ndata: (.*)$/gm)].map(
      ([, data = ""]) => JSON.parse(data) as JobView,
    );
    const ends = states.filter(({ state }) => state !== "queued" && state !== "running");
    return { outcome: await outcomeOf(url, ends[0], alone), ends: ends.length };
  } catch {
    // The server has gone, or the job is not known: nobody will ever hear of it.
    return { outcome: "lost", ends: 0 };
  }
}

async function outcomeOf(url: string, job: JobView | undefined, alone: string): Promise<Outcome> {
  if (job === undefined) return "lost";
  if (job.state === "cancelled") return "cancelled";
  if (job.state !== "succeeded") return job.error?.code === "ERR_IPA_CRASHED" ? "crashed" : "failed";
  const files = await Promise.all(
    job.images.map(async (image) => {
      const response = await fetch(url + image.url);
      return response.status === 200 ? new Uint8Array(await response.arrayBuffer()) : undefined;
    }),
  );
  if (files.includes(undefined)) return "lost";
  return hashOf(files as Uint8Array[]) === alone ? "succeeded" : "different";
}
