/** Scales of image prompts in JSON: one, a list, or by block. How many attentions there are, the model knows alone. */
import { OptionError } from "../../index";
import type { Schema } from "../../options/json-schema";
import { checkValue } from "../../options/validate";

const NUMBER = { type: "number", minimum: -5, maximum: 5 } as const satisfies Schema;
const LIST = { type: "array", items: NUMBER, maxItems: 256 } as const satisfies Schema;
const BLOCK_LIST = { ...LIST, minItems: 1, maxItems: 64 } as const satisfies Schema;
const BLOCK_NAME = "^block_[0-9]+$";
const BLOCK = { anyOf: [NUMBER, BLOCK_LIST] };
const PART = {
  anyOf: [NUMBER, { type: "object", patternProperties: { [BLOCK_NAME]: BLOCK }, additionalProperties: false }],
};

/** As JSON Schema has it. */
export const SCALE = {
  anyOf: [
    NUMBER,
    LIST,
    { type: "object", properties: { down: PART, mid: BLOCK, up: PART }, additionalProperties: false },
  ],
};

/** @throws OptionError for what no model takes */
export function checkScale(value: unknown, option: string): void {
  if (!isObject(value)) {
    checkNumbers(value, LIST, option);
    return;
  }
  for (const [name, part] of Object.entries(value)) {
    const at = `${option}.${name}`;
    if (!["down", "mid", "up"].includes(name))
      throw new OptionError(option, `there is no "${name}" in it: use a number, down, mid, up`);
    if (name === "mid" || typeof part === "number") checkNumbers(part, BLOCK_LIST, at);
    else checkBlocks(part, at);
  }
}

function checkBlocks(part: unknown, option: string): void {
  if (!isObject(part)) throw new OptionError(option, "expected a number, or an object of blocks: { block_0: 1 }");
  for (const [name, block] of Object.entries(part)) {
    if (!new RegExp(BLOCK_NAME).test(name))
      throw new OptionError(option, `there is no "${name}" in it: blocks are block_0, block_1, …`);
    checkNumbers(block, BLOCK_LIST, `${option}.${name}`);
  }
}

function checkNumbers(value: unknown, list: Schema, option: string): void {
  checkValue(Array.isArray(value) ? list : NUMBER, value, option);
}

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);
