/** encodePrompt() and encodeText(): what the text encoders make of prompts, handed out. */
import { throwIfAborted } from "../abort-signal";
import { ImageEmbeds } from "../embeds/image-embeds";
import type { EngineCalls } from "../engine-calls";
import { OptionError } from "../errors";
import type { CallSite } from "../native/call";
import type { NativeEncodedPrompts, NativePipeline, NativeText, PipelineInfo } from "../native/contract";
import { EncodePromptSchema, EncodeTextSchema, GenerateSchema } from "../options/generate-schema";
import { checkValue, readOptions } from "../options/validate";
import type { EncodePromptOptions, EncodeTextOptions } from "../types";
import { type PromptEncoder, encodeCallTexts, encodePrompts } from "./encode";
import type { EncodedPrompts } from "./prompt-embeds";

/** The parts of a pipeline that have to do with prompts. */
export interface TextEngine {
  native: Pick<NativePipeline, "encodePrompts">;
  info: PipelineInfo;
  encoders: readonly PromptEncoder[];
  calls: EngineCalls;
}

/** Features of the prompt, and of the negative one where generate() would encode it. */
export async function encodePromptWith(
  engine: TextEngine,
  prompt: string,
  options: EncodePromptOptions,
  site: CallSite,
): Promise<EncodedPrompts> {
  engine.calls.checkRoom();
  const { negativePrompt, promptSyntax, clipSkip, signal } = readOptions(EncodePromptSchema, options);
  const text = readPrompt(prompt);
  throwIfAborted(signal);
  const texts = encodeCallTexts({ prompt: text, negativePrompt, promptSyntax }, engine.info, engine.encoders);
  const request = { ...texts, ...(clipSkip === undefined ? {} : { clipSkip }) };
  const made = await run(engine, request, signal, site);
  const embeds: EncodedPrompts = { prompt: new Float32Array(made.prompt.features) };
  if (made.prompt.pooled !== undefined) embeds.pooled = new Float32Array(made.prompt.pooled);
  if (made.negative !== undefined) embeds.negative = new Float32Array(made.negative.features);
  if (made.negative?.pooled !== undefined) embeds.negativePooled = new Float32Array(made.negative.pooled);
  return embeds;
}

/** The pooled features of plain text. */
export async function encodeTextWith(
  engine: TextEngine,
  prompt: string,
  options: EncodeTextOptions,
  site: CallSite,
): Promise<ImageEmbeds> {
  engine.calls.checkRoom();
  const { signal } = readOptions(EncodeTextSchema, options);
  const text = readPrompt(prompt);
  throwIfAborted(signal);
  const { family } = engine.info;
  if (family !== "sdxl")
    throw new OptionError(
      "prompt",
      `only SDXL's second text encoder makes embeddings beside those of pictures, this is ${family}: use encodeImage()`,
    );
  const { prompt: texts } = encodePrompts(text, "", "plain", engine.encoders);
  const { pooled = new ArrayBuffer(0) } = (await run(engine, { prompt: texts }, signal, site)).prompt;
  return new ImageEmbeds(new Float32Array(pooled), [1, pooled.byteLength / 4]);
}

const readPrompt = (prompt: unknown): string =>
  checkValue(GenerateSchema.properties.prompt, prompt, "prompt") as string;

type Texts = { prompt: NativeText[]; negative?: NativeText[]; clipSkip?: number };

function run(
  { native, calls }: TextEngine,
  texts: Texts,
  signal: EncodeTextOptions["signal"],
  site: CallSite,
): Promise<NativeEncodedPrompts> {
  return calls.call<Texts, NativeEncodedPrompts>(
    site,
    { signal },
    {
      pictures: [],
      prepare: () => Promise.resolve(texts),
      start: (prepared, done) => native.encodePrompts(prepared, done),
    },
  );
}
