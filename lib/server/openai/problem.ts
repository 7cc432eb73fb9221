/** Errors in the words of OpenAI's routes: who has sent `size` is not told of a width. */
import { Problem, asProblem } from "../problem";

const NAMES: Readonly<Record<string, string>> = {
  width: "size",
  height: "size",
  count: "n",
  negativePrompt: "negative_prompt",
  steps: "num_inference_steps",
  guidance: "guidance_scale",
  imagePrompts: "image",
};

/** The engine's word on a mask that has come in the engine's colours. */
const NO_MASK = /^mask: none of it is white/;
const NOTHING_MASKED =
  "mask: no part of it says what to repaint: make that part transparent, or white in a mask without transparency";

/** Any error as a problem about a field of the request. */
export function openAiProblem(error: unknown): Problem {
  const problem = asProblem(error);
  const { status, code, param = "" } = problem;
  const { message } = problem;
  if (NO_MASK.test(message)) return new Problem(status, code, NOTHING_MASKED, { param: "mask", cause: error });
  // What is wrong with a picture is found when it is read.
  const picture = /^(?:imagePrompts\[\d+\]\.image|image|mask)(?=:)/.exec(message)?.[0];
  if (param === "" && picture !== undefined) {
    const field = picture === "mask" ? "mask" : "image";
    return new Problem(status, code, `${field}${message.slice(picture.length)}`, { param: field, cause: error });
  }
  const theirs = NAMES[/^\w*/.exec(param)?.[0] ?? ""];
  if (theirs === undefined) return problem;
  const told = message.startsWith(`${param}: `) ? `${theirs}${message.slice(param.length)}` : message;
  return new Problem(status, code, told, { param: theirs, cause: error });
}
