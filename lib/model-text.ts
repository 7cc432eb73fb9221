/** How a loaded model reads prompts: what its folder says beside the weights. */
import { basename, extname, join } from "node:path";

import { IpAdapterError, fileError, systemCode } from "./errors";
import type { AbortSignalLike } from "./abort-signal";
import type { NativeLoadRequest, PipelineInfo } from "./native/contract";
import type { PromptEncoder } from "./prompt/encode";
import { MOST_CONFIG_BYTES, readSmallFile } from "./read-file";
import { ClipTokenizer } from "./tokenizer";
import type { ReadLoadOptions } from "./read-options";

/** The option's token, else the file's, else the file's name. Those that come along with LoRAs have names. */
export function nameEmbeddings(read: ReadLoadOptions, request: NativeLoadRequest, info: PipelineInfo): void {
  for (const [i, embedding] of info.embeddings.entries()) {
    if (embedding.lora !== undefined) continue;
    const file = request.embeddings[i]?.file ?? "";
    const own = embedding.token === "" ? basename(file, extname(file)) : embedding.token;
    embedding.token = read.embeddings?.[i]?.token ?? own;
  }
}

/** The tokenizer of every text encoder, with the tokens of textual inversions. */
export async function loadTokenizers(
  model: string,
  info: PipelineInfo,
  signal?: AbortSignalLike,
): Promise<PromptEncoder[]> {
  return Promise.all(
    info.textEncoders.map(async ({ tokenizer: folder, contextLength, vocabSize }, encoder) => {
      const shipped = folder === "clip" ? "<|endoftext|>" : folder === "open_clip" ? "!" : undefined;
      const tokenizer = await (shipped === undefined
        ? ClipTokenizer.load(join(model, folder), signal)
        : ClipTokenizer.shipped(shipped, signal));
      const learned = info.embeddings.reduce((sum, { vectors }) => sum + (vectors[encoder] ?? 0), 0);
      if (tokenizer.size > vocabSize - learned) {
        const vocabulary =
          shipped === undefined ? `${folder}/` : "CLIP's vocabulary, which a model in one file is used with,";
        throw new IpAdapterError(
          "ERR_IPA_MISMATCH",
          `${vocabulary} has ${tokenizer.size} tokens but its text encoder only ${vocabSize - learned}: they are of different models`,
        );
      }
      for (const [i, { token, ids, vectors, lora }] of info.embeddings.entries()) {
        const [first, count = 0] = [ids[encoder], vectors[encoder]];
        if (first !== undefined && count > 0)
          tokenizer.addToken(
            token,
            first,
            count,
            lora === undefined ? `embeddings[${i}].token` : `loras[${lora}].file`,
          );
      }
      return { tokenizer, contextLength };
    }),
  );
}

/** SDXL was trained with zero features in place of no negative prompt, unless its model_index.json says otherwise. */
export async function hasZeroNegative(model: string, info: PipelineInfo): Promise<boolean> {
  if (info.family !== "sdxl") return false;
  // A model in one file has none; the refiner was trained with empty prompts.
  const text = await readSmallFile(join(model, "model_index.json"), MOST_CONFIG_BYTES).catch((error: unknown) => {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error)))
      return info.refiner ? '{"force_zeros_for_empty_prompt":false}' : "{}";
    throw error instanceof IpAdapterError
      ? error
      : fileError("model_index.json", join(model, "model_index.json"), error);
  });
  return !/"force_zeros_for_empty_prompt"\s*:\s*false/.test(text.toString());
}
