/** All that a call of generate() or estimateMemory() holds: checked, copied, and made into what the engine is asked for. */
import type { AbortSignalLike } from "./abort-signal";
import type { MappedCall } from "./attention/attention-maps";
import { type ControlSnapshot, snapshotControls, toControls } from "./controls";
import { type PlainRequest, generateRequest } from "./generate-request";
import { type Guides, measuredOfGuides, picturesOfGuides, snapshotGuides, toGuides } from "./guides";
import { CallPictures, type PictureRules } from "./image/rules";
import type { FitterOrSizes, PictureSnapshot } from "./image/snapshot";
import { lazily } from "./load-failure";
import type { NativeGenerateRequest, PipelineInfo } from "./native/contract";
import type { PromptEncoder } from "./prompt/encode";
import type { ReadEstimateOptions } from "./read-options";
import { type SourceSnapshot, readsSize, snapshotSource, toSource } from "./source-image";

const mapping = lazily(() => require("./attention/mapped-call") as typeof import("./attention/mapped-call"));

/** The loaded model, as calls see it. */
export interface CallModel {
  info: PipelineInfo;
  encoders: readonly PromptEncoder[];
  rules: PictureRules;
}

export class CallInputs {
  /** the pictures aside */
  readonly request: PlainRequest;
  readonly #guides: Guides;
  readonly #source: SourceSnapshot;
  readonly #controls: readonly ControlSnapshot[];
  readonly #encoders: readonly PromptEncoder[];
  #mapped: MappedCall | undefined;

  /** @throws OptionError */
  constructor(read: ReadEstimateOptions, { info, encoders, rules }: CallModel) {
    this.request = generateRequest(read, info, encoders);
    this.#encoders = encoders;
    if (read.attentionMaps !== undefined)
      this.request.attentionLayers = mapping().layersToMap(read.attentionMaps, read, info);
    const pictures = new CallPictures(rules);
    const { negativeEmbeds } = this.request;
    this.#guides = snapshotGuides({ ...read, negativeEmbeds }, pictures, info, encoders);
    this.#source = snapshotSource(read, pictures);
    this.#controls = snapshotControls(read.controls ?? [], pictures);
  }

  /** All that are to be decoded. */
  pictures(): (PictureSnapshot | undefined)[] {
    const { image, mask } = this.#source;
    return [...picturesOfGuides(this.#guides), ...this.#controls.map((control) => control.image), image, mask];
  }

  /**
   * Decodes the pictures; with "sizes" none of them but those of measured(), and the request is the same without pixels.
   * @param info of the model when the call's turn has come: adapters may have been changed since it was made
   */
  async prepare(info: PipelineInfo, fitter: FitterOrSizes, stop: AbortSignalLike): Promise<NativeGenerateRequest> {
    const sized = { ...this.request, ...(await toSource(this.#source, info, fitter, stop)) };
    const size = { width: sized.width, height: sized.height };
    const guides = await toGuides(this.#guides, info, fitter, size, stop);
    if (this.request.attentionLayers !== undefined)
      this.#mapped = mapping().mappedCall(this.request, guides, this.#guides.prompts, this.#encoders);
    return { ...sized, ...guides, controls: await toControls(this.#controls, sized, info, fitter, stop) };
  }

  /** What its attention maps are of; undefined before prepare(), and where there are none. */
  get mapped(): MappedCall | undefined {
    return this.#mapped;
  }

  /** The pictures whose own sizes decide about the request. */
  measured(): (PictureSnapshot | undefined)[] {
    return [...(readsSize(this.#source) ? [this.#source.image] : []), ...measuredOfGuides(this.#guides)];
  }
}
