import { OptionError } from "../errors";
import { describe } from "../options/describe";

/** What AUTOMATIC1111 reads out of a prompt: `<lora:name:weight>` and its kin. */
const TAG = /<(?:lora|lyco|hypernet):([^<>:]{0,256})(?::([^<>]{0,64}))?>/i;

/**
 * Such a tag would go to the text encoder as words, without a word.
 * @throws OptionError that says how LoRAs are loaded
 */
export function refuseLoraTags(prompt: string, option: string): void {
  const [tag, name = "", weight = ""] = TAG.exec(prompt) ?? [];
  if (tag === undefined) return;
  const number = Number.parseFloat(weight);
  const entry = `{ file: ${describe(`${name === "" ? "name" : name}.safetensors`)}${Number.isFinite(number) ? `, weight: ${number}` : ""} }`;
  throw new OptionError(
    option,
    `received ${describe(tag)}, but prompts load nothing: take it out and use loras: [${entry}] in Pipeline.load() or setLoras(); with promptSyntax: "plain" it is text`,
  );
}
