import { throwIfAborted } from "./abort-signal";
import { CallSite, startNative } from "./native/call";
import type { Conversion, NativeAddon, NativeConversion } from "./native/contract";
import { loadAddon } from "./native/load";
import { readPath } from "./options/path";
import { ConvertSchema } from "./options/file-schema";
import { readOptions } from "./options/validate";
import { checkReadable, checkWritable } from "./permission";
import { progressCaller } from "./progress";
import type { ConvertOptions } from "./types";

/**
 * Writes a weight file, or the weights of a component folder, as another type. `output` ends in `.gguf` or `.safetensors`, which is
 * the format. The file appears when all of it is written. After an error nothing is left.
 * @throws OptionError, IpAdapterError, signal.reason, or what onProgress threw
 */
export async function convert(input: string | URL, output: string | URL, options: ConvertOptions): Promise<Conversion> {
  return convertWith(loadAddon(), input, output, options, new CallSite());
}

/** @internal */
export async function convertWith(
  addon: NativeAddon,
  input: string | URL,
  output: string | URL,
  options: ConvertOptions,
  site: CallSite,
): Promise<Conversion> {
  const { type, overwrite = false, signal, onProgress } = readOptions(ConvertSchema, options);
  const request = { input: readPath(input, "input"), output: readPath(output, "output"), type, overwrite };
  site.run(() => {
    checkReadable(request.input, "input");
    checkWritable(request.output, "output");
  });
  throwIfAborted(signal);
  // The call does not reject before the engine is done. Only then is it certain whether there is a file.
  const { result } = startNative<NativeConversion>(
    site,
    signal,
    (done, fail) => addon.convert(request, onProgress === undefined ? null : progressCaller(onProgress, fail), done),
    { untilAnswered: true },
  );
  return { ...(await result), path: request.output, type };
}
