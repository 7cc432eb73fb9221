/** Attention maps as callers see them. */
import type { Picture } from "../image/picture";

/** A map in one of the UNet's attentions. */
export interface AttentionLayerMap {
  /** of `info.attentions` */
  name: string;
  /** rows from the top, width * height values */
  data: Float32Array;
  width: number;
  height: number;
}

export interface HeatmapOptions {
  /** values that the first and the last colour stand for; default: the map's smallest (of an image prompt 0) and largest */
  range?: readonly [number, number] | undefined;
}

export interface OverlayOptions extends HeatmapOptions {
  /** how much of the picture the colours cover, 0 to 1, default 0.6 */
  opacity?: number | undefined;
}

/** Where in the picture a word, a token or an image prompt acts. */
export interface AttentionMap {
  /** the word, the token's text, or the option of the image prompt */
  readonly name: string;
  /** the mean over `layers`, each brought to the size of the largest by bilinear interpolation; rows from the top, width * height values */
  readonly data: Float32Array;
  readonly width: number;
  readonly height: number;
  /** the map in each attention that has it, in the size in which that attention sees the picture */
  readonly layers: readonly AttentionLayerMap[];
  /** `data` in colours, from dark blue for the least to red for the most, in the size of the picture */
  heatmap(options?: HeatmapOptions): Promise<Picture>;
  /**
   * the same over the picture
   * @throws OptionError for a result without pictures (output "latents")
   */
  overlay(options?: OverlayOptions): Promise<Picture>;
}

/** One token that attention sees. */
export interface AttentionToken {
  /** as the tokenizer has it; "" for a start, an end and padding */
  text: string;
  id: number;
  kind: "text" | "start" | "end" | "padding";
  /** of the prompt's syntax, 1 where it says none */
  weight: number;
}

/** The text of a prompt, and where in the picture it acts: the probabilities of its tokens in cross-attention. */
export interface TextAttention {
  /** all that attention sees, in chunks of the text encoder's length: start, text, end and padding */
  readonly tokens: readonly AttentionToken[];
  /** the words in their order, each once, as the tokenizer writes them */
  readonly words: readonly string[];
  /**
   * of a word, or of several that follow each other: the sum over its tokens, in all places where the prompt has it
   * @throws OptionError for one that is not in the prompt
   */
  word(word: string): AttentionMap;
  /**
   * of one token
   * @param index into `tokens`
   * @throws OptionError for one that there is not
   */
  token(index: number): AttentionMap;
}

/** Where in the picture an image prompt acts. */
export interface ImageAttention {
  /** the option that it was given in, such as `imagePrompts[0]` */
  readonly option: string;
  /**
   * how much it adds: the norm of what its tokens add to cross-attention, scale and mask included, divided by the norm of what all text
   * adds; 0 where it adds nothing, 1 where it counts as much as the text
   */
  readonly map: AttentionMap;
  /** the probabilities of its image tokens in their softmax, before scale and mask; empty where it has a part in no attention */
  readonly tokens: readonly AttentionMap[];
}

/** A region's own prompt and image prompts. */
export interface RegionAttention {
  readonly text: TextAttention;
  readonly imagePrompts: readonly ImageAttention[];
}

/** Where in one picture the words of the prompt and the image prompts act: means over the steps, and over the heads of each attention. */
export interface AttentionMaps {
  /** the attentions that were mapped, and in which size each sees the picture */
  readonly layers: readonly { name: string; width: number; height: number }[];
  /** of the prompt */
  readonly text: TextAttention;
  /** in the order of the option `imagePrompts` */
  readonly imagePrompts: readonly ImageAttention[];
  /** in the order of the option `regions` */
  readonly regions: readonly RegionAttention[];
}
