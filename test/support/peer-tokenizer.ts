/** Hugging Face's tokenizers for JavaScript, as the peer that our byte pairs are compared with. */
import * as tokenizers from "@huggingface/tokenizers";

/** The part of the library that is used; its own types do not resolve under Node's module rules. */
interface Bpe {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
}
const { Tokenizer } = tokenizers as unknown as { Tokenizer: new (tokenizer: object, config: object) => Bpe };

const PIECES = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^ \\p{L}\\p{N}]+";

/** Ids of normalised text. */
export function peerTokenizer(
  vocab: Record<string, number>,
  merges: readonly [string, string][],
  unknown = "<|endoftext|>",
): (text: string) => number[] {
  const pretokenizers = [
    { type: "Split", pattern: { Regex: PIECES }, behavior: "Removed", invert: true },
    { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
  ];
  const model = {
    type: "BPE",
    dropout: null,
    unk_token: unknown,
    continuing_subword_prefix: "",
    end_of_word_suffix: "</w>",
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab,
    merges,
  };
  const bpe = new Tokenizer(
    {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: { type: "Sequence", pretokenizers },
      post_processor: null,
      decoder: null,
      model,
    },
    {},
  );
  return (text) => bpe.encode(text, { add_special_tokens: false }).ids;
}
