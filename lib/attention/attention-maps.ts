/** The attention maps of one picture. */
import { OptionError } from "../errors";
import type { NativeModuleMaps } from "../native/contract";
import { describe } from "../options/describe";
import type { MappedPicture } from "./attention-map";
import { type Columns, MapMaker } from "./map-maker";
import type { PromptText } from "./prompt-text";
import type {
  AttentionMap,
  AttentionMaps,
  AttentionToken,
  ImageAttention,
  RegionAttention,
  TextAttention,
} from "./types";

/** What of a call its maps need to be read. */
export interface MappedCall {
  prompt: PromptText;
  regions: readonly PromptText[];
  /** softmaxes of image tokens: whose pictures they hold, one after the other */
  branches: readonly MappedBranch[];
  /** every image prompt of the call, those of regions after the others */
  prompts: readonly { option: string; region: number | undefined }[];
}

export interface MappedBranch {
  /** the image prompt of each picture; indices into `prompts` */
  sources: readonly number[];
  /** whether they became one picture, whose tokens all of them have */
  joined: boolean;
  /** whether it acts in the negative half alone, which has no maps */
  contrary: boolean;
}

/** A prompt's maps in one picture. */
class PromptAttention implements TextAttention {
  readonly #text: PromptText;
  readonly #maps: MapMaker;
  readonly #values: (module: NativeModuleMaps) => Float32Array;

  constructor(text: PromptText, maps: MapMaker, values: (module: NativeModuleMaps) => Float32Array) {
    this.#text = text;
    this.#maps = maps;
    this.#values = values;
  }

  get tokens(): readonly AttentionToken[] {
    return this.#text.tokens;
  }

  get words(): readonly string[] {
    return this.#text.words;
  }

  word(word: string): AttentionMap {
    const found = typeof word === "string" ? this.#text.find(word) : [];
    if (found.length > 0) return this.#of(word, found);
    const some = this.words.slice(0, 20);
    const fix = some.length === 0 ? "the prompt has no words" : `use one of ${some.join(", ")}`;
    throw new OptionError("word", `expected a word of the prompt but received ${describe(word)}: ${fix}`);
  }

  token(index: number): AttentionMap {
    const token = this.tokens[index];
    if (token === undefined)
      throw new OptionError(
        "index",
        `expected an index into tokens, 0 to ${this.tokens.length - 1}, but received ${describe(index)}`,
      );
    return this.#of(token.kind === "text" ? token.text : token.kind, [index]);
  }

  #of(name: string, columns: readonly number[]): AttentionMap {
    return this.#maps.map(name, (module) => ({ values: this.#values(module), columns }));
  }
}

export class PictureMaps implements AttentionMaps {
  readonly layers: readonly { name: string; width: number; height: number }[];
  readonly text: TextAttention;
  readonly imagePrompts: readonly ImageAttention[];
  readonly regions: readonly RegionAttention[];

  constructor(
    modules: readonly NativeModuleMaps[],
    names: readonly string[],
    picture: MappedPicture,
    { prompt, regions, branches, prompts }: MappedCall,
  ) {
    const maps = new MapMaker(modules, names, picture);
    this.layers = maps.sizes();
    this.text = new PromptAttention(prompt, maps, (module) => new Float32Array(module.prompt));
    const images = prompts.map(({ option, region }, source) => ({
      region,
      image: imageAttention(maps, branches, source, option),
    }));
    const of = (wanted: number | undefined): ImageAttention[] =>
      images.flatMap(({ region, image }) => (region === wanted ? image : []));
    this.imagePrompts = of(undefined);
    this.regions = regions.map((text, r) => ({
      text: new PromptAttention(text, maps, (module) => new Float32Array(module.regions[r] ?? [])),
      imagePrompts: of(r),
    }));
  }
}

function imageAttention(
  maps: MapMaker,
  branches: readonly MappedBranch[],
  source: number,
  option: string,
): ImageAttention {
  const strength: Columns = ({ sources }) => ({ values: new Float32Array(sources[source] ?? []), columns: [0] });
  const tokens = branches.flatMap(({ sources, joined, contrary }, b) => {
    if (contrary) return [];
    const all = maps.count((module) => module.branches[b]);
    const each = joined ? all : all / sources.length;
    const first = sources.flatMap((own, i) => (own === source ? [joined ? 0 : i * each] : []));
    const places = (joined ? first.slice(0, 1) : first).flatMap((at) => Array.from({ length: each }, (_, t) => at + t));
    return places.map((column) => {
      const columns: Columns = (module) => {
        const values = new Float32Array(module.branches[b] ?? []);
        return values.length === 0 ? undefined : { values, columns: [column] };
      };
      return (name: string) => maps.map(name, columns);
    });
  });
  return {
    option,
    map: maps.map(option, strength, true),
    tokens: tokens.map((make, i) => make(`${option} token ${i}`)),
  };
}
