/** Scales of image prompts, by attention of the UNet. */

/** A scale for a block's attentions: one for all of them, or one each. */
export type BlockScale = number | readonly number[];

/** Scales by place in the UNet, as diffusers' set_ip_adapter_scale() takes them; what is not named has 0. */
export interface ScaleByBlock {
  /** of all blocks on the way down, or of each: `{ block_2: [0, 1] }` */
  down?: number | Readonly<Record<string, BlockScale>> | undefined;
  mid?: BlockScale | undefined;
  /** of all blocks on the way up, or of each: `{ block_0: [0, 1, 0] }` */
  up?: number | Readonly<Record<string, BlockScale>> | undefined;
}

/** One for all attentions, a list with one for each of `info.attentions`, or by block. */
export type ImageScale = number | readonly number[] | ScaleByBlock;
