/** Where networks run. */

/** The parts of a model that may be on a device of their own. */
export const DEVICE_PARTS = ["unet", "vae", "textEncoder", "imageEncoder"] as const;
export type DevicePart = (typeof DEVICE_PARTS)[number];

/** `auto`: the first NVIDIA GPU where it can be used, else the processor. */
export type Device = "auto" | "cpu" | "cuda" | `cuda:${number}`;

/** The same as a regular expression. */
export const DEVICE_PATTERN = "^(?:auto|cpu|cuda(?::(?:0|[1-9][0-9]{0,2}))?)$";
