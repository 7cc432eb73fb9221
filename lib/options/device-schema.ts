/** The options that say where a model's parts run. */
import { DEVICE_PATTERN } from "./device";
import type { ObjectSchema, Schema } from "./json-schema";

const DEVICE = { type: "string", "x-kind": "device", pattern: DEVICE_PATTERN, maxLength: 8 } as const satisfies Schema;

export const DeviceSchema = {
  ...DEVICE,
  default: "auto",
  description:
    "where the networks run: cpu, cuda (the first NVIDIA GPU), cuda:1 (the second) and so on, or auto (the first NVIDIA GPU where it can be used, else the CPU)",
} as const satisfies Schema;

export const DevicesSchema = {
  type: "object",
  title: "devices",
  additionalProperties: false,
  properties: {
    unet: { ...DEVICE, description: "device of the UNet, the adapters and the controls", "x-default": "`device`" },
    vae: { ...DEVICE, description: "device of the VAE", "x-default": "`device`" },
    textEncoder: { ...DEVICE, description: "device of the text encoders", "x-default": "`device`" },
    imageEncoder: { ...DEVICE, description: "device of the image encoders", "x-default": "`device`" },
  },
} as const satisfies ObjectSchema;
