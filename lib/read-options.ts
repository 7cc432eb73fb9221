/** Options as readOptions() gives them: shorthands written out. */
import type { Static } from "@sinclair/typebox";

import type { ImageInput } from "./image/input";
import type { ImagePromptBase, FaceBeside } from "./image-prompt";
import type {
  ChangeSchema,
  ConvertSchema,
  EncodeImageSchema,
  EstimateSchema,
  GenerateSchema,
  InspectSchema,
  LoadEmbedsSchema,
  LoadSchema,
  PullSchema,
} from "./options/schema";
import type {
  AdapterOptions,
  ChangeOptions,
  ConvertOptions,
  EmbeddingOptions,
  EncodeImageOptions,
  EstimateOptions,
  GenerateOptions,
  InspectOptions,
  LoadEmbedsOptions,
  LoadOptions,
  LoraOptions,
  PullOptions,
} from "./types";

/** An image prompt with any of the fields; which of them go together is checked later. */
export interface ReadImagePrompt extends ImagePromptBase, FaceBeside {
  image?: ImageInput | undefined;
  embeds?: Float32Array | readonly number[] | undefined;
}

/** Options with entries of lists written out. */
type Written<Options, Lists> = Omit<Options, keyof Lists> & {
  [Key in keyof Lists]?: readonly Lists[Key][] | undefined;
};

export type ReadLoadOptions = Written<
  LoadOptions,
  { adapters: AdapterOptions; loras: LoraOptions; embeddings: EmbeddingOptions }
>;
export type ReadGenerateOptions = Written<GenerateOptions, { imagePrompts: ReadImagePrompt }>;
export type ReadEstimateOptions = Written<EstimateOptions, { imagePrompts: ReadImagePrompt }>;

// A compile error here means that a schema and its interface have parted.
type Same<Schema, Options> = Schema extends Options ? (keyof Options extends keyof Schema ? true : never) : never;
export type SchemasMatch = [
  Same<Static<typeof LoadSchema>, ReadLoadOptions>,
  Same<Static<typeof GenerateSchema>, ReadGenerateOptions>,
  Same<Static<typeof EstimateSchema>, ReadEstimateOptions>,
  Same<Static<typeof EncodeImageSchema>, EncodeImageOptions>,
  Same<Static<typeof LoadEmbedsSchema>, LoadEmbedsOptions>,
  Same<Static<typeof InspectSchema>, InspectOptions>,
  Same<Static<typeof ChangeSchema>, ChangeOptions>,
  Same<Static<typeof ConvertSchema>, ConvertOptions>,
  Same<Static<typeof PullSchema>, PullOptions>,
];
export const schemasMatch: SchemasMatch = [true, true, true, true, true, true, true, true, true];
