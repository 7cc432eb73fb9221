/** One map: where in the picture something of the prompts acts. */
import { OptionError } from "../errors";
import type { Picture } from "../image/picture";
import { readOptions } from "../options/validate";
import { type Grid, meanOf } from "./grid";
import { HeatmapSchema, OverlaySchema, checkRange, paint } from "./paint";
import type { AttentionLayerMap, AttentionMap, HeatmapOptions, OverlayOptions } from "./types";

/** The picture that maps are of; without pixels where the call made latents alone. */
export interface MappedPicture {
  data?: Uint8Array | undefined;
  width: number;
  height: number;
}

/** What makes a map's values when they are first asked for. */
export interface MapSource {
  name: string;
  picture: MappedPicture;
  layers: () => AttentionLayerMap[];
  /** of what there is no value below 0 that means anything: the colours begin at 0 */
  fromZero: boolean;
}

/** A map whose values are computed when they are first asked for. */
export class ValueMap implements AttentionMap {
  readonly name: string;
  readonly #source: MapSource;
  #layers: readonly AttentionLayerMap[] | undefined;
  #mean: Grid | undefined;

  constructor(source: MapSource) {
    this.name = source.name;
    this.#source = source;
  }

  get layers(): readonly AttentionLayerMap[] {
    this.#layers ??= this.#source.layers();
    return this.#layers;
  }

  get data(): Float32Array {
    return this.#average().data;
  }

  get width(): number {
    return this.#average().width;
  }

  get height(): number {
    return this.#average().height;
  }

  async heatmap(options: HeatmapOptions = {}): Promise<Picture> {
    const { width, height } = this.#source.picture;
    const { range } = readOptions(HeatmapSchema, options);
    return paint(this.#average(), { width, height }, { range: this.#range(range), opacity: 1 });
  }

  async overlay(options: OverlayOptions = {}): Promise<Picture> {
    const { data, width, height } = this.#source.picture;
    if (data === undefined)
      throw new OptionError(
        "output",
        'the call made latents alone, there is no picture: use heatmap(), or output: "image"',
      );
    const { range, opacity = 0.6 } = readOptions(OverlaySchema, options);
    return paint(this.#average(), { width, height }, { range: this.#range(range), opacity }, data);
  }

  #average(): Grid {
    this.#mean ??= meanOf(this.layers);
    return this.#mean;
  }

  #range(range: readonly number[] | undefined): [number, number] {
    if (range !== undefined) return checkRange(range);
    let [low, high] = [Infinity, -Infinity];
    for (const value of this.data) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    return [this.#source.fromZero ? 0 : low, high];
  }
}
