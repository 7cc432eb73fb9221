/** Results on their way between processes. */
import { type ResultRecord, recordOf } from "../generate-result";
import { GeneratedImage } from "../generated-image";
import type { TextsOf } from "../image/encode";
import { lazily } from "../load-failure";
import type { FileRecord, FileToHash } from "../metadata/record";
import type { ProgressEvent } from "../progress";
import type { GenerateResult } from "../types";
import type { PlainPicture, PlainProgress, PlainRecord, PlainResult } from "./messages";

const texts = lazily(() => require("../metadata/call-texts") as typeof import("../metadata/call-texts"));
const records = lazily(() => require("../metadata/record") as typeof import("../metadata/record"));
const hashes = lazily(() => require("../metadata/content-hash") as typeof import("../metadata/content-hash"));

/** Without its pictures. */
export async function toPlainResult(result: GenerateResult): Promise<PlainResult> {
  const { latents, seeds, latentShape } = result;
  const record = recordOf(result);
  return { latents, seeds, latentShape, record: record === undefined ? undefined : await toPlainRecord(record) };
}

/** What is hashed later is hashed by whoever asks for it. */
async function toPlainRecord({ call, painted }: ResultRecord): Promise<PlainRecord> {
  const files = call.files.map(async ({ hash, ...file }) =>
    file.later === undefined ? { ...file, sha256: await hash() } : file,
  );
  return { call: { ...call, files: await Promise.all(files) }, painted };
}

export function fromPlainResult(
  { latents, seeds, latentShape, record }: PlainResult,
  pictures: readonly (PlainPicture & { seed: number })[],
): GenerateResult {
  const textsOf = record === undefined ? undefined : textsFrom(record);
  const images = pictures.map(
    ({ data, width, height, seed }, i) => new GeneratedImage(data, width, height, seed, textsOf?.(i)),
  );
  return { images, latents, seeds, latentShape, attention: [] };
}

function textsFrom({ call, painted }: PlainRecord): (i: number) => TextsOf {
  const files = call.files.map(({ sha256, ...file }): FileToHash => ({
    ...file,
    hash: () => (file.later === undefined ? Promise.resolve(sha256) : hashes().contentHash(file.later)),
  }));
  let hashed: Promise<FileRecord[]> | undefined;
  return (i) => async () =>
    texts().textsOfCall({ ...call, files }, await (hashed ??= records().hashed(files)), i, painted);
}

export function toPlainProgress({ preview, ...event }: ProgressEvent): PlainProgress {
  if (preview === undefined) return event;
  const { data, width, height } = preview;
  return { ...event, preview: { data, width, height } };
}

export function fromPlainProgress({ preview, ...event }: PlainProgress): ProgressEvent {
  if (preview === undefined) return event;
  const { data, width, height } = preview;
  return { ...event, preview: new GeneratedImage(data, width, height, event.seed) };
}
