/** The files of a tokenizer's folder, all that are read of it. */
export const TOKENIZER_FILES = {
  whole: "tokenizer.json",
  /** these two in its place */
  vocabulary: "vocab.json",
  merges: "merges.txt",
  config: "tokenizer_config.json",
  special: "special_tokens_map.json",
  added: "added_tokens.json",
} as const;
