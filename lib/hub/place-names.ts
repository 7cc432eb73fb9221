import { IpAdapterError } from "../errors";
import type { CallSite } from "../native/call";
import type { NativeLoadRequest } from "../native/contract";
import type { LoadOptions } from "../types";
import type { Want } from "./files";
import { locate } from "./locate";
import { HubSession } from "./session";

/**
 * Puts into `request`, in place of names on the hub, where their files are in its cache.
 * @throws OptionError; HubError; IpAdapterError ERR_IPA_IO; signal.reason
 */
export async function placeNames(request: NativeLoadRequest, read: LoadOptions, site: CallSite): Promise<void> {
  using session = new HubSession(read);
  const place = async (value: string | URL | undefined, path: string, option: string, want: Want, skip?: ReadonlySet<string>): Promise<string> =>
    value === undefined ? path : locate(session, { value, path, option, want, ...(skip === undefined ? {} : { skip }) });
  try {
    const elsewhere = { unet: read.unet, vae: read.vae, image_encoder: read.imageEncoder };
    const skip = new Set(Object.entries(elsewhere).flatMap(([part, value]) => (value === undefined ? [] : [part])));
    request.model = await place(read.model, request.model, "model", "model", skip);
    if (request.unet !== undefined) request.unet = await place(read.unet, request.unet, "unet", "component");
    if (request.vae !== undefined) request.vae = await place(read.vae, request.vae, "vae", "component");
    if (request.imageEncoder !== undefined) request.imageEncoder = await place(read.imageEncoder, request.imageEncoder, "imageEncoder", "component");
    for (const [i, adapter] of request.adapters.entries()) adapter.file = await place(read.adapters?.[i]?.file, adapter.file, `adapters[${i}].file`, "file");
    for (const [i, lora] of request.loras.entries()) lora.file = await place(read.loras?.[i]?.file, lora.file, `loras[${i}].file`, "file");
  } catch (error) {
    throw error instanceof IpAdapterError ? site.attach(error) : error;
  }
}
