/** Options as readOptions() gives them: shorthands written out. */
import type { ReadControlUse } from "./controls";
import type { PreprocessOptions } from "./image/preprocessor";
import type { ReadImagePrompt } from "./image-prompt";
import type { ReadMetadataOptions } from "./metadata/read";
import type { NegativeImagePrompt } from "./negative-prompts";
import type { ReadRegion } from "./regions";
import type { Value } from "./options/json-schema";
import type {
  ConvertSchema,
  InspectSchema,
  LoadEmbedsSchema,
  PullSchema,
  ReadMetadataSchema,
} from "./options/file-schema";
import type { EstimateSchema } from "./options/estimate-schema";
import type { EncodeImageSchema, EncodePromptSchema, GenerateSchema } from "./options/generate-schema";
import type { ChangeSchema, LoadSchema } from "./options/load-schema";
import type { PoolSchema } from "./options/pool-schema";
import type { FaceKeypointsSchema, PreprocessCallSchema, PreprocessSchema } from "./options/preprocess-schema";
import type { EnginePoolOptions } from "./pool/types";
import type {
  AdapterOptions,
  ChangeOptions,
  ControlOptions,
  ConvertOptions,
  DrawFaceKeypointsOptions,
  EmbeddingOptions,
  EncodeImageOptions,
  EncodePromptOptions,
  EstimateOptions,
  GenerateOptions,
  InspectOptions,
  LoadEmbedsOptions,
  LoadOptions,
  LoraOptions,
  PreprocessCallOptions,
  PullOptions,
} from "./types";

/** Options with entries of lists written out. */
type Written<Options, Lists> = Omit<Options, keyof Lists> & {
  [Key in keyof Lists]?: readonly Lists[Key][] | undefined;
};

type LoadLists = {
  adapters: AdapterOptions;
  loras: LoraOptions;
  controls: ControlOptions;
  embeddings: EmbeddingOptions;
};
export type ReadLoadOptions = Written<LoadOptions, LoadLists>;
export type ReadPoolOptions = Written<EnginePoolOptions, LoadLists>;
/** Lists of a call's options, whose entries have one form once they are read. */
type ReadLists = {
  imagePrompts: ReadImagePrompt;
  negativeImagePrompts: NegativeImagePrompt;
  regions: ReadRegion;
  controls: ReadControlUse;
};
export type ReadGenerateOptions = Written<GenerateOptions, ReadLists & { loras: LoraOptions }>;
export type ReadEstimateOptions = Written<EstimateOptions, ReadLists>;

/** Options whose values differ: what an event of onProgress holds, no schema says. */
type Apart<Schema, Options> = {
  [Key in keyof Schema & keyof Options]: Options[Key] extends Schema[Key] ? never : Key;
}[keyof Schema & keyof Options];

// A compile error here means that a schema and its interface have parted.
type Same<Schema, Options> = [
  keyof Options,
  keyof Schema,
  Schema,
  Exclude<Apart<Schema, Options>, "onProgress" | "onStep">,
] extends [keyof Schema, keyof Options, Options, never]
  ? true
  : never;
export type SchemasMatch = [
  Same<Value<typeof LoadSchema>, ReadLoadOptions>,
  Same<Value<typeof PoolSchema>, ReadPoolOptions>,
  Same<Value<typeof GenerateSchema>, ReadGenerateOptions>,
  Same<Value<typeof EstimateSchema>, ReadEstimateOptions>,
  Same<Value<typeof EncodeImageSchema>, EncodeImageOptions>,
  Same<Value<typeof EncodePromptSchema>, EncodePromptOptions>,
  Same<Value<typeof LoadEmbedsSchema>, LoadEmbedsOptions>,
  Same<Value<typeof InspectSchema>, InspectOptions>,
  Same<Value<typeof ChangeSchema>, ChangeOptions>,
  Same<Value<typeof ConvertSchema>, ConvertOptions>,
  Same<Value<typeof PullSchema>, PullOptions>,
  Same<Value<typeof PreprocessSchema>, PreprocessOptions>,
  Same<Value<typeof PreprocessCallSchema>, PreprocessCallOptions>,
  Same<Value<typeof FaceKeypointsSchema>, DrawFaceKeypointsOptions>,
  Same<Value<typeof ReadMetadataSchema>, ReadMetadataOptions>,
];
export const schemasMatch: SchemasMatch = [
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
];
