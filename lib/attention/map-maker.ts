/** Makes maps of one picture out of what the engine gave. */
import type { NativeModuleMaps } from "../native/contract";
import { type MappedPicture, ValueMap } from "./attention-map";
import type { AttentionLayerMap, AttentionMap } from "./types";

/** What a map is made of: columns of the values of a module, or nothing where it has none. */
export type Columns = (module: NativeModuleMaps) => { values: Float32Array; columns: readonly number[] } | undefined;

export class MapMaker {
  readonly #modules: readonly NativeModuleMaps[];
  readonly #names: readonly string[];
  readonly #picture: MappedPicture;

  constructor(modules: readonly NativeModuleMaps[], names: readonly string[], picture: MappedPicture) {
    this.#modules = modules;
    this.#names = names;
    this.#picture = picture;
  }

  sizes(): { name: string; width: number; height: number }[] {
    return this.#modules.map((module) => this.#sizeOf(module));
  }

  /** @param floats of a branch in the first module that has it; 0: none has */
  count(floats: (module: NativeModuleMaps) => ArrayBuffer | undefined): number {
    for (const module of this.#modules) {
      const { byteLength = 0 } = floats(module) ?? {};
      if (byteLength > 0) return byteLength / 4 / (module.width * module.height);
    }
    return 0;
  }

  /** The sum of some columns in every module that has them. */
  map(name: string, columns: Columns, fromZero = false): AttentionMap {
    const layers = (): AttentionLayerMap[] =>
      this.#modules.flatMap((module) => {
        const found = columns(module);
        return found === undefined ? [] : [{ ...this.#sizeOf(module), data: sumOf(module, found) }];
      });
    return new ValueMap({ name, picture: this.#picture, layers, fromZero });
  }

  #sizeOf({ module, width, height }: NativeModuleMaps): { name: string; width: number; height: number } {
    return { name: this.#names[module] ?? "", width, height };
  }
}

function sumOf(
  { width, height }: NativeModuleMaps,
  { values, columns }: { values: Float32Array; columns: readonly number[] },
): Float32Array {
  const data = new Float32Array(width * height);
  const each = values.length / data.length;
  for (let query = 0; query < data.length; query++)
    for (const column of columns) data[query] = (data[query] as number) + (values[query * each + column] ?? 0);
  return data;
}
