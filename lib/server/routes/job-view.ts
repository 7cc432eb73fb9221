/** A job as clients see it, and what its events say; each beside its schema. */
import type { Job } from "../jobs/job";
import { ErrorSchema } from "../openapi/errors";
import { type JsonSchema, objectSchema } from "../openapi/schema";
import { asProblem, problemBody } from "../problem";

const TIME = { type: ["string", "null"], format: "date-time" };
const COUNT = { type: "integer", minimum: 0 };
const PIXELS = { type: "integer", minimum: 1 };
const IMAGE_TYPE = { type: "string", enum: ["image/png", "image/jpeg", "image/webp"] };

/** Of clients' own ids, and of those that are made. */
export const JOB_ID = {
  type: "string",
  maxLength: 100,
  // The two names that addresses resolve are none.
  pattern: "^(?!\\.{1,2}$)[A-Za-z0-9_.-]+$",
  "x-pattern": "letters, digits, and . _ - alone",
} as const;

export const JobSchema = objectSchema(
  {
    id: { type: "string", maxLength: JOB_ID.maxLength, pattern: JOB_ID.pattern },
    object: { type: "string", enum: ["job"] },
    model: { type: "string" },
    state: { type: "string", enum: ["queued", "running", "succeeded", "failed", "cancelled"] },
    created: { type: "string", format: "date-time" },
    started: TIME,
    ended: TIME,
    ahead: { ...COUNT, description: "jobs that begin before this one" },
    progress: {
      anyOf: [objectSchema({ step: COUNT, total: COUNT }), { type: "null" }],
      description: "model calls done, and in all",
    },
    images: {
      type: "array",
      items: objectSchema({
        url: { type: "string", format: "uri-reference" },
        seed: COUNT,
        width: PIXELS,
        height: PIXELS,
        type: IMAGE_TYPE,
      }),
      description: "the finished pictures, once the job has succeeded",
    },
    error: {
      anyOf: [(ErrorSchema.properties as { error: JsonSchema }).error, { type: "null" }],
      description: "why it failed",
    },
  },
  "Job",
);

/** What cancelling answers. */
export const CancelledSchema = objectSchema({
  cancelled: { type: "boolean", description: "false: it was over before" },
  job: JobSchema,
});

const STEP = {
  step: { ...COUNT, description: "model calls done" },
  total: { ...COUNT, description: "model calls in all" },
  image: { ...COUNT, description: "which of the pictures" },
  seed: COUNT,
};

/** Data of a job's events, by their names. */
export const JOB_EVENTS: Record<string, JsonSchema> = {
  state: JobSchema,
  progress: objectSchema(STEP),
  preview: objectSchema({
    ...STEP,
    type: { type: "string", enum: ["image/png"] },
    b64_json: { type: "string", contentEncoding: "base64" },
  }),
};

const time = (at: number | undefined): string | null => (at === undefined ? null : new Date(at).toISOString());

/** @param at address of the job @param ahead jobs that begin before it */
export function jobView(job: Job, at: string, ahead: number): object {
  const { spec, state, created, started, ended, progress, images, error } = job;
  return {
    id: spec.id,
    object: "job",
    model: spec.model,
    state,
    created: time(created),
    started: time(started),
    ended: time(ended),
    ahead: state === "queued" ? ahead : 0,
    progress: progress === undefined ? null : { step: progress.step, total: progress.total },
    images: images.map(({ seed, width, height, type }, i) => ({ url: `${at}/images/${i}`, seed, width, height, type })),
    error: state === "failed" ? problemBody(asProblem(error)).error : null,
  };
}
