/** Options that many calls have. */
import type { Schema } from "./json-schema";

export const SIGNAL = {
  "x-kind": "signal",
  description: "AbortSignal that cancels the call; it then rejects with signal.reason",
} as const satisfies Schema;

/** Of every call that takes names on the Hugging Face hub. */
export const HUB = {
  token: {
    type: "string",
    maxLength: 4096,
    description: "access token of the Hugging Face hub",
    "x-default": "`HF_TOKEN`",
  },
  offline: {
    type: "boolean",
    description: "fetch nothing from the Hugging Face hub, use what the cache holds",
    "x-default": "`HF_HUB_OFFLINE`",
  },
  onProgress: { "x-kind": "function", description: "called while files come from the Hugging Face hub" },
} as const satisfies Record<string, Schema>;
