/** Layers of the UNet to map: all, or some by their index into `info.attentions`, their name there, or their block. */
export type AttentionLayers = "all" | readonly (number | string)[];
