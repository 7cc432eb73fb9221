/** Makes NVIDIA GPUs known to the addon, where a load asks for them and CUDA support is installed. */
import { InstallError, IpAdapterError, type ErrorCode, messageOf } from "../../errors";
import { DEVICE_PARTS } from "../../options/device";
import { type CallSite, startNative } from "../call";
import type { Done, NativeCudaProbe, NativeAddon, NativeLoadRequest } from "../contract";
import { loadedAddon } from "../load";
import { findPlugin } from "./plugin";
import { type NotTried, probePlugin } from "./probe";
import { keepVerdict, keptVerdict, verdictKey } from "./verdicts";

type Placement = Pick<NativeLoadRequest, "device" | "devices">;

/** What a load asks for. */
interface Wish {
  /** the option that names a GPU; undefined: none does */
  named: string | undefined;
  /** whether some part takes what is best */
  auto: boolean;
}

function wishOf({ device = "auto", devices = {} }: Placement): Wish {
  const wishes = DEVICE_PARTS.map((part) => ({
    option: devices[part] === undefined ? "device" : `devices.${part}`,
    device: devices[part] ?? device,
  }));
  return {
    named: wishes.find((wish) => wish.device.startsWith("cuda"))?.option,
    auto: wishes.some((wish) => wish.device === "auto"),
  };
}

/**
 * What `dtype: "int16"` needs: the CPU, where the choice is left to "auto".
 * @returns why no GPU is used although CUDA support is installed; undefined: that is not so
 */
export function keepOffGpu(request: NativeLoadRequest): string | undefined {
  const { device = "auto", devices = {} } = request;
  if (request.dtype !== "int16" || (devices.unet ?? device) !== "auto") return undefined;
  const onCpu = <T extends string>(name: T): T | "cpu" => (name === "auto" ? "cpu" : name);
  request.device = onCpu(device);
  request.devices = Object.fromEntries(Object.entries(devices).map(([part, name]) => [part, onCpu(name)]));
  return "absent" in findPlugin() ? undefined : 'dtype "int16" is for the CPU: a GPU has "f16" and "int8"';
}

/** Plugins that are open, by the addon. */
const open = new WeakMap<NativeAddon, string>();
/** Trials that run, by the plugin: calls at the same time share one. */
const running = new Map<string, Promise<NativeCudaProbe | NotTried>>();

/**
 * To be called before load(). Where a load only asks for "auto", it fails for nothing here.
 * @param addonFile the addon's own file, which another process loads
 * @returns why no GPU can be used although CUDA support is installed; undefined: it can, or there is none, or none is asked for
 * @throws IpAdapterError where a GPU is named: ERR_IPA_CUDA_MISSING, ERR_IPA_DEVICE, ERR_IPA_NO_MEMORY
 */
export async function prepareCuda(
  addon: () => NativeAddon,
  placement: Placement,
  site: CallSite,
  addonFile = (): string => loadedAddon().file,
): Promise<string | undefined> {
  const { named, auto } = wishOf(placement);
  if (named === undefined && !auto) return undefined;
  const found = findPlugin();
  if ("absent" in found && named === undefined) return undefined;
  try {
    if ("absent" in found)
      throw new InstallError("ERR_IPA_CUDA_MISSING", `${named ?? ""}: CUDA support is not installed: ${found.absent}`);
    if ("broken" in found) throw found.broken;
    await usePlugin(addon(), found.file, { site, named: named !== undefined, addonFile });
    return undefined;
  } catch (error) {
    if (!(error instanceof IpAdapterError)) throw error;
    if (named !== undefined) throw site.attach(error);
    return messageOf(error);
  }
}

interface Use {
  site: CallSite;
  /** whether a GPU was named */
  named: boolean;
  addonFile: () => string;
}

async function usePlugin(addon: NativeAddon, file: string, { site, named, addonFile }: Use): Promise<void> {
  if (open.get(addon) === file) return;
  const verdict = await verdictOf(file, { version: addon.system().version, named, addonFile });
  // Who names a GPU wants it, tried or not.
  if ("notTried" in verdict && !named)
    throw new IpAdapterError("ERR_IPA_DEVICE", `${verdict.notTried}, or name device: "cuda", which is used untried`);
  if ("ok" in verdict && !verdict.ok)
    throw new IpAdapterError((verdict.code ?? "ERR_IPA_DEVICE") as ErrorCode, verdict.message ?? "it cannot be used");
  await startNative(site, undefined, (done: Done<void>) => addon.useCuda(file, done)).result;
  open.set(addon, file);
}

interface Trial {
  version: string;
  /** an old failure does not count */
  named: boolean;
  addonFile: () => string;
}

async function verdictOf(file: string, { version, named, addonFile }: Trial): Promise<NativeCudaProbe | NotTried> {
  const key = await verdictKey(file, version);
  const kept = key === undefined ? undefined : await keptVerdict(key);
  if (kept !== undefined && (kept.ok || !named)) return kept;
  const trial = running.get(file) ?? probePlugin(addonFile(), file).finally(() => running.delete(file));
  running.set(file, trial);
  const verdict = await trial;
  if (key !== undefined && "ok" in verdict) await keepVerdict(key, verdict);
  return verdict;
}
