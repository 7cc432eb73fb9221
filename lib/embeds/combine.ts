/** Embeddings of several pictures, merged into one or put together. */
import { OptionError } from "../errors";
import { describe } from "../options/describe";
import { CombineSchema } from "../options/file-schema";
import { type CombineMethod } from "../options/names";
import { readList } from "../options/read-list";
import { isList } from "../options/read-property";
import { checkValue } from "../options/validate";
import { type EmbedsSnapshot, ImageEmbeds, MOST_PICTURES, picturesOf, shapeText } from "./image-embeds";

/**
 * Combines the embeddings of all pictures given, before an adapter's projection, as ComfyUI_IPAdapter_plus does. "concat" keeps them
 * apart, as pictures of one image prompt. The other methods make one of them: "average", "add" (their sum), "subtract" (the first minus
 * the mean of the others) and "norm-average" (each element divided by its norm across the pictures, then averaged).
 * @param embeds all of one kind, from one encoder, and of at most 4096 pictures together
 * @param weights one for each picture, default 1. It multiplies the picture first; "average" then divides by the sum of all
 * @throws OptionError
 */
export function combineEmbeds(
  embeds: ImageEmbeds | readonly ImageEmbeds[],
  how: CombineMethod,
  weights?: readonly number[],
): ImageEmbeds {
  const method = checkValue(CombineSchema.properties.how, how, "how") as CombineMethod;
  const list = checkEmbeds(embeds);
  const pictures = list.flatMap(picturesOf);
  const factors = checkWeights(weights, pictures.length);
  const [, ...size] = list[0]?.shape ?? [];
  if (method === "concat") {
    const data = pictures.flatMap((picture, i) =>
      factors[i] === 1 ? [picture] : [picture.map((value) => value * (factors[i] ?? 1))],
    );
    return new ImageEmbeds(join(data), [pictures.length, ...size]);
  }
  return new ImageEmbeds(merge(pictures, method, factors), [1, ...size]);
}

function checkEmbeds(embeds: unknown): EmbedsSnapshot[] {
  const several = isList(embeds, "embeds");
  const list = several ? readList(embeds, "embeds", { maximum: MOST_PICTURES }) : [embeds];
  if (list.length === 0)
    throw new OptionError("embeds", "expected at least one ImageEmbeds but received an empty array");
  const checked: EmbedsSnapshot[] = [];
  let pictures = 0;
  for (const [i, value] of list.entries()) {
    const option = several ? `embeds[${i}]` : "embeds";
    const one = ImageEmbeds.snapshot(value, option);
    if (one === undefined) {
      throw new OptionError(
        option,
        `expected ImageEmbeds but received ${describe(value)}: use what encodeImage() or loadEmbeds() gives, or new ImageEmbeds(floats, shape)`,
      );
    }
    const first = checked[0] ?? one;
    if (one.shape.slice(1).join() !== first.shape.slice(1).join()) {
      throw new OptionError(
        option,
        `expected the kind of the first, ${shapeText(first.shape)}, but received ${shapeText(one.shape)}: make all of them with one adapter's encoder`,
      );
    }
    pictures += one.shape[0] ?? 0;
    if (pictures > MOST_PICTURES)
      throw new OptionError(option, `expected at most ${MOST_PICTURES} pictures together: leave some out`);
    checked.push(one);
  }
  return checked;
}

function checkWeights(weights: unknown, count: number): number[] {
  if (weights === undefined) return Array<number>(count).fill(1);
  const checked = checkValue(CombineSchema.properties.weights, weights, "weights") as number[];
  if (checked.length !== count)
    throw new OptionError("weights", `expected one for each picture, ${count}, but received ${checked.length}`);
  return checked;
}

/** The methods are linear, but for "concat" and the division of "norm-average". So one coefficient for each picture is enough. */
function coefficients(method: CombineMethod, weights: readonly number[]): number[] {
  const count = weights.length;
  if (method === "average") {
    const sum = weights.reduce((total, weight) => total + weight, 0);
    if (sum === 0) throw new OptionError("weights", 'their sum is 0, by which "average" divides: use "add"');
    return weights.map((weight) => weight / sum);
  }
  if (method === "add") return [...weights];
  if (count < 2) throw new OptionError("embeds", `"${method}" takes two pictures or more but received ${count}`);
  if (method === "subtract") return weights.map((weight, i) => (i === 0 ? weight : -weight / (count - 1)));
  return weights.map((weight) => weight / count);
}

function merge(pictures: readonly Float32Array[], method: CombineMethod, weights: readonly number[]): Float32Array {
  const factors = coefficients(method, weights);
  const sums = new Float64Array(pictures[0]?.length ?? 0);
  const squares = new Float64Array(method === "norm-average" ? sums.length : 0);
  pictures.forEach((picture, i) => {
    const [factor = 0, weight = 0] = [factors[i], weights[i]];
    for (let j = 0; j < sums.length; j++) sums[j] = (sums[j] ?? 0) + factor * (picture[j] ?? 0);
    for (let j = 0; j < squares.length; j++) squares[j] = (squares[j] ?? 0) + (weight * (picture[j] ?? 0)) ** 2;
  });
  // Where all pictures have 0, there is no direction to average.
  squares.forEach((square, j) => (sums[j] = square === 0 ? 0 : (sums[j] ?? 0) / Math.sqrt(square)));
  return Float32Array.from(sums);
}

function join(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
