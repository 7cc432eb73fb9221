/** How a loaded model reads prompts: what its folder says beside the weights. */
import { basename, extname, join } from "node:path";

import { IpAdapterError } from "./errors";
import type { AbortSignalLike } from "./abort-signal";
import type { NativeLoadRequest, PipelineInfo } from "./native/contract";
import type { PromptEncoder } from "./prompt/encode";
import type { ReadLoadOptions } from "./read-options";
import { ClipTokenizer } from "./tokenizer";

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
