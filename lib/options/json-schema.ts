/** The words of JSON Schema that the schemas of options use, and the TypeScript types of what they describe. */
import type { AbortSignalLike } from "../abort-signal";
import type { ImageInput } from "../image/input";
import type { AttentionLayers } from "./attention-layers";
import type { Device } from "./device";
import type { ImageScale } from "./image-scale";

/** What values of JavaScript that JSON has no type for become. */
interface Specials {
  path: string | URL;
  image: ImageInput;
  scale: ImageScale;
  layers: AttentionLayers;
  floats: Float32Array | readonly number[];
  latents: Float32Array | readonly Float32Array[];
  device: Device;
  signal: AbortSignalLike;
  /** the interface of the options says what it is called with */
  function: (event: unknown) => unknown;
}

/** Values JSON has no type for: checked by kind, described by an example in messages. */
export type SpecialKind = keyof Specials;

/** What may stand alone in place of an object with one property: `"a.png"` for `{ image: "a.png" }`; "name": `"blur"` for `{ blur: {} }`. */
export type Shorthand = "file" | "image" | "model" | "name";

/** The schema of one option, or of one entry of a list. */
export interface Schema {
  readonly type?: "integer" | "number" | "string" | "boolean" | "array" | "object";
  /** what the object is, in messages */
  readonly title?: string;
  /** in a few words, for `--help` and the tables of the docs; no default and no range in it */
  readonly description?: string;
  /** the description for `--help`, where the one above speaks of calls and their results */
  readonly "x-help"?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  /** of an enum: its names as other programs write them, which are taken too */
  readonly "x-aliases"?: Readonly<Record<string, string>>;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  /** a regular expression that a string has to match */
  readonly pattern?: string;
  /** what matches `pattern`, in words for messages */
  readonly "x-pattern"?: string;
  /** of a string: an array of these will do in its place */
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: false;
  readonly "x-kind"?: SpecialKind;
  readonly "x-shorthand"?: Shorthand;
  /** of which of a server's things the text is a name */
  readonly "x-names"?: "loras";
  /** the default in words, where it is no constant or needs some; code in `backticks` */
  readonly "x-default"?: string;
}

/** The schema of an options object. */
export interface ObjectSchema extends Schema {
  readonly type: "object";
  readonly title: string;
  readonly properties: Readonly<Record<string, Schema>>;
  readonly additionalProperties: false;
  /** what to do about names that are options elsewhere, but not here */
  readonly "x-elsewhere"?: Readonly<Record<string, string>>;
}

/** The type of what a schema describes, as readOptions() gives it. */
export type Value<S> = S extends { readonly "x-kind": infer Kind extends SpecialKind }
  ? Specials[Kind]
  : S extends { readonly properties: infer Properties }
    ? ObjectValue<Properties, S extends { readonly required: readonly (infer Name)[] } ? Name : never>
    : S extends { readonly enum: readonly (infer Name)[] }
      ? Name | (S extends { readonly items: infer Item } ? readonly Value<Item>[] : never)
      : S extends { readonly type: infer Type }
        ? Plain<S, Type>
        : never;

type Plain<S, Type> = Type extends "integer" | "number"
  ? number
  : Type extends "string"
    ? string
    : Type extends "boolean"
      ? boolean
      : S extends { readonly items: infer Item }
        ? S extends { readonly minItems: 2; readonly maxItems: 2 }
          ? readonly [Value<Item>, Value<Item>]
          : readonly Value<Item>[]
        : never;

type ObjectValue<Properties, Required> = {
  -readonly [Key in keyof Properties as Key extends Required ? Key : never]: Value<Properties[Key]>;
} & {
  -readonly [Key in keyof Properties as Key extends Required ? never : Key]?: Value<Properties[Key]> | undefined;
};
