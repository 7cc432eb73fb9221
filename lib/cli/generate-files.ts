/** The image prompts of the command line, with the embeddings and faces of their files. */
import { loadEmbedsWith } from "../embeds/file";
import { ImageEmbeds, picturesOf } from "../embeds/image-embeds";
import { OptionError } from "../errors";
import type { ImagePrompt } from "../image-prompt";
import { CallSite } from "../native/call";
import type { NativeAddon } from "../native/contract";
import { ImagePromptSchema } from "../options/image-prompt-schema";
import type { OrderedFlags } from "./flags";
import { withFloats } from "./json-flags";
import { readRows } from "./tensor-files";

export async function readPrompts(
  order: OrderedFlags,
  addon: NativeAddon,
  signal: AbortSignal,
): Promise<ImagePrompt[]> {
  const prompts: ImagePrompt[] = [];
  const faces: ImagePrompt[] = [];
  const whole: ImagePrompt[] = [];
  for (const flag of order.prompts) {
    if (flag.kind === "entry") {
      const entry = { adapter: flag.adapter, ...flag.entry };
      whole.push((await withFloats(ImagePromptSchema, entry, "--image-prompt", { addon, signal })) as ImagePrompt);
      continue;
    }
    const { path, kind, adapter, scale, settings } = flag;
    const own = { adapter, scale, ...settings };
    if (kind === "image") prompts.push({ image: path, ...own });
    else if (kind === "embeds")
      for (const embeds of await readEmbeds(addon, path, adapter, signal)) prompts.push({ embeds, ...own });
    else
      for (const faceEmbeds of await readRows(addon, path, "face_embeds", signal)) faces.push({ faceEmbeds, ...own });
  }
  return [...joinFaces(prompts, faces), ...whole];
}

/** Adapters that were given both get each face with its picture. */
function joinFaces(pictures: readonly ImagePrompt[], faces: readonly ImagePrompt[]): ImagePrompt[] {
  const result = [...pictures];
  for (const index of new Set(faces.map(({ adapter }) => adapter))) {
    const own = faces.filter(({ adapter }) => adapter === index);
    const beside = result.filter(({ adapter }) => adapter === index);
    if (beside.length > 0 && beside.length !== own.length) {
      throw new OptionError(
        "--face-embeds",
        `expected as many faces as pictures of the adapter, ${beside.length}, but received ${own.length}`,
      );
    }
    if (beside.length === 0) result.push(...own);
    else beside.forEach((prompt, i) => (prompt.faceEmbeds = own[i]?.faceEmbeds));
  }
  return result;
}

/** Each picture's, so that each may get a face. */
async function readEmbeds(
  addon: NativeAddon,
  path: string,
  adapter: number,
  signal: AbortSignal,
): Promise<ImageEmbeds[]> {
  const embeds = await loadEmbedsWith(addon, { path, adapter, option: "--image-embeds", signal }, new CallSite());
  const shape = [1, ...embeds.shape.slice(1)];
  return picturesOf({ data: embeds, shape: embeds.shape }).map((one) => new ImageEmbeds(one, shape));
}
