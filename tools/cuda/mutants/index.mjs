// All bugs that `npm run test:cuda:mutate` plants.
import { attentionMutants } from "./attention.mjs";
import { backendMutants } from "./backend.mjs";
import { blockMutants } from "./blocks.mjs";
import { convolutionMutants } from "./convolution.mjs";
import { productMutants } from "./product.mjs";
import { rowMutants } from "./rows.mjs";

/** @type {import("../test/planted.mjs").Mutant[]} */
export const mutants = [
  ...productMutants,
  ...convolutionMutants,
  ...blockMutants,
  ...attentionMutants,
  ...rowMutants,
  ...backendMutants,
];
