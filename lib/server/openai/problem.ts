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

/** Any error as a problem about a field of the request. */
export function openAiProblem(error: unknown): Problem {
  const problem = asProblem(error);
  const { status, code, message, param = "" } = problem;
  const theirs = NAMES[/^\w*/.exec(param)?.[0] ?? ""];
  if (theirs === undefined) return problem;
  const told = message.startsWith(`${param}: `) ? `${theirs}${message.slice(param.length)}` : message;
  return new Problem(status, code, told, { param: theirs, cause: error });
}
