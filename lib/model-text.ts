/** How a loaded model reads prompts: what its folder says beside the weights. */
import { join } from "node:path";

import { IpAdapterError } from "./errors";
import type { NativePipelineInfo } from "./native/contract";
import type { PromptEncoder } from "./prompt/encode";
import { readRegularFile } from "./read-file";
import { ClipTokenizer } from "./tokenizer";

/** The tokenizer of every text encoder. */
export async function loadTokenizers(model: string, info: NativePipelineInfo): Promise<PromptEncoder[]> {
  return Promise.all(
    info.textEncoders.map(async ({ tokenizer: folder, contextLength, vocabSize }) => {
      const shipped = folder === "clip" ? "<|endoftext|>" : folder === "open_clip" ? "!" : undefined;
      const tokenizer = await (shipped === undefined ? ClipTokenizer.load(join(model, folder)) : ClipTokenizer.shipped(shipped));
      if (tokenizer.size > vocabSize) {
        const vocabulary = shipped === undefined ? `${folder}/` : "CLIP's vocabulary, which a model in one file is used with,";
        throw new IpAdapterError("ERR_IPA_MISMATCH", `${vocabulary} has ${tokenizer.size} tokens but its text encoder only ${vocabSize}: they are of different models`);
      }
      return { tokenizer, contextLength };
    }),
  );
}

/** SDXL was trained with zero features in place of no negative prompt, unless its model_index.json says otherwise. */
export async function hasZeroNegative(model: string, info: NativePipelineInfo): Promise<boolean> {
  if (info.family !== "sdxl") return false;
  // A model in one file has none.
  const text = await readRegularFile(join(model, "model_index.json")).catch(() => "{}");
  return !/"force_zeros_for_empty_prompt"\s*:\s*false/.test(text.toString());
}
