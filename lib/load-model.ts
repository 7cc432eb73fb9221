/** From the options of Pipeline.load() to a model in memory. */
import { abortable } from "./abortable";
import { throwIfAborted } from "./abort-signal";
import { lazily } from "./load-failure";
import { loadRequest, placeFiles } from "./load-request";
import { loadTokenizers, nameEmbeddings } from "./model-text";
import { type CallSite, startNative } from "./native/call";
import type { NativeAddon, NativeLoadRequest, NativePipeline, PipelineInfo } from "./native/contract";
import { addOriginalConfigs } from "./original-config";
import type { PromptEncoder } from "./prompt/encode";
import type { ReadLoadOptions } from "./read-options";

const cuda = lazily(() => require("./native/cuda/prepare") as typeof import("./native/cuda/prepare"));

export interface LoadedModel {
  addon: NativeAddon;
  native: NativePipeline;
  info: PipelineInfo;
  encoders: readonly PromptEncoder[];
  /** the options that it was loaded with */
  read: ReadLoadOptions;
  /** the same, with the places of the files */
  request: NativeLoadRequest;
}

/** @throws as Pipeline.load() */
export async function loadModel(addon: () => NativeAddon, read: ReadLoadOptions, site: CallSite): Promise<LoadedModel> {
  const request = loadRequest(read);
  const { signal } = read;
  throwIfAborted(signal);
  const kept = cuda().keepOffGpu(request);
  const note = kept ?? (await abortable(cuda().prepareCuda(addon, request, site), signal));
  await placeFiles(request, read, site);
  await addOriginalConfigs(request, read);
  throwIfAborted(signal);
  const close = (native: NativePipeline): Promise<void> => new Promise((resolve) => native.close(() => resolve()));
  const native = await startNative<NativePipeline>(site, signal, (done) => addon().load(request, done), {
    discard: (late) => void close(late),
  }).result;
  try {
    const info = structuredClone(native.info());
    if (note !== undefined) info.deviceNote ??= note;
    nameEmbeddings(read, request, info);
    const encoders = await loadTokenizers(request.model, info, signal);
    throwIfAborted(signal);
    return { addon: addon(), native, info, encoders, read, request };
  } catch (error) {
    await close(native);
    throw error;
  }
}
