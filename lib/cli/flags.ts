/** Flags that may be repeated, in the order given. Values are judged by the API's own schemas; only the form is checked here. */
import { OptionError } from "../errors";
import { describe } from "../options/describe";
import {
  type EmbeddingFlag,
  type FileFlag,
  parseControlImage,
  parseEmbeddingFlag,
  parseFileFlag,
  parseNegativeFlag,
  parsePromptFlag,
} from "./file-flags";
import { jsonEntry } from "./json-flags";

/** An image prompt of the command line: a file, or an entry of imagePrompts in JSON. */
export type PromptFlag =
  | ({ kind: "image" | "embeds" | "faces" } & ReturnType<typeof parsePromptFlag>)
  | { kind: "entry"; entry: Record<string, unknown>; path?: undefined };

/**
 * Repeated flags in the order given. An image prompt belongs to the --adapter named last before it, or to the first one
 * when none came before.
 */
export class OrderedFlags {
  readonly adapters: { file?: unknown; imageEncoder?: unknown }[] = [];
  readonly loras: FileFlag[] = [];
  readonly embeddings: EmbeddingFlag[] = [];
  readonly controls: { file: string }[] = [];
  readonly controlImages: Record<string, unknown>[] = [];
  readonly negatives: Record<string, unknown>[] = [];
  readonly regions: Record<string, unknown>[] = [];
  readonly prompts: (PromptFlag & { adapter: number })[] = [];

  addAdapter = (text: string): unknown => {
    this.adapters.push(jsonEntry(text, "--adapter") ?? { file: text });
    return this.adapters;
  };

  addAdapterEncoder = (folder: string): unknown => {
    const adapter = this.adapters.at(-1);
    if (adapter === undefined)
      throw new OptionError(
        "--adapter-encoder",
        "expected --adapter before it, whose encoder it is: add it, or use --image-encoder",
      );
    adapter.imageEncoder = folder;
    return this.adapters;
  };

  addControl = (file: string): unknown => {
    this.controls.push({ file });
    return this.controls;
  };

  addControlImage = (text: string): unknown => {
    const control = Math.max(0, this.controls.length - 1);
    const own = jsonEntry(text, "--control-image") ?? parseControlImage(text, "--control-image");
    this.controlImages.push({ control, ...own });
    return this.controlImages;
  };

  addNegative = (text: string): unknown => {
    const option = "--negative-image-prompt";
    const own = jsonEntry(text, option) ?? parseNegativeFlag(text, option);
    this.negatives.push({ adapter: this.#adapter(), ...own });
    return this.negatives;
  };

  addRegion = (text: string): unknown => {
    const region = jsonEntry(text, "--region");
    if (region === undefined)
      throw new OptionError(
        "--region",
        `expected JSON such as {"mask":"left.png","prompt":"a cat"} but received ${describe(text)}`,
      );
    this.regions.push(region);
    return this.regions;
  };

  addLora = (text: string): FileFlag[] => {
    this.loras.push(parseFileFlag(text, "--lora"));
    return this.loras;
  };

  addEmbedding = (text: string): EmbeddingFlag[] => {
    this.embeddings.push(parseEmbeddingFlag(text, "--embedding"));
    return this.embeddings;
  };

  addImage = (text: string): unknown => {
    const entry = jsonEntry(text, "--image-prompt");
    return this.#add(
      entry === undefined ? { kind: "image", ...parsePromptFlag(text, "--image-prompt") } : { kind: "entry", entry },
    );
  };

  addEmbeds = (text: string): unknown => this.#add({ kind: "embeds", ...parsePromptFlag(text, "--image-embeds") });

  addFaces = (text: string): unknown => this.#add({ kind: "faces", ...parsePromptFlag(text, "--face-embeds") });

  #add(flag: PromptFlag): unknown {
    this.prompts.push({ ...flag, adapter: this.#adapter() });
    return this.prompts;
  }

  /** The one before, or the first. */
  #adapter(): number {
    return Math.max(0, this.adapters.length - 1);
  }
}
