// Our half of the matrix: node tools/matrix/compare.mjs PACKAGE CASES.json RESULTS.json
//
// CASES is a list of { id, load, generate, first?, reference }: options of Pipeline.load() and generate(); a call whose latents the other goes on
// from; a safetensors file with the latents and, unless output is "latents", the picture. RESULTS has for each { id, latents, picture } (relative
// L2 error; largest difference in steps of 255) or { id, code, message }.
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";

import { readTensors } from "../parity/safetensors.mjs";

const [root, casesFile, resultsFile] = process.argv.slice(2);
const { Pipeline } = await import(pathToFileURL(path.join(root, "dist", "index.mjs")));

function relativeError(found, expected) {
  if (found.length !== expected.length) throw new Error(`${found.length} latents, expected ${expected.length}`);
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) {
    difference += (found[i] - expected[i]) ** 2;
    norm += expected[i] ** 2;
  }
  return Math.sqrt(difference / norm);
}

function largestDifference(found, expected) {
  if (found.length !== expected.length)
    throw new Error(`${found.length} bytes of picture, expected ${expected.length}`);
  return expected.reduce((most, value, i) => Math.max(most, Math.abs(value - found[i])), 0);
}

async function generate({ load, generate: options }) {
  const pipeline = await Pipeline.load({ ...load, dtype: "f32" });
  try {
    return await pipeline.generate(options);
  } finally {
    await pipeline.dispose();
  }
}

async function compare({ id, load, generate: options, first, reference }) {
  const expected = await readTensors(reference);
  try {
    const latents = first && (await generate(first)).latents;
    const result = await generate({ load, generate: { ...options, ...(latents && { latents }) } });
    return {
      id,
      latents: relativeError(result.latents[0], expected.latents.data),
      ...(expected.image && { picture: largestDifference(result.images[0].data, expected.image.data) }),
    };
  } catch (error) {
    return { id, code: error.code ?? "", message: error.message };
  }
}

const results = [];
for (const entry of JSON.parse(await readFile(casesFile, "utf8"))) results.push(await compare(entry));
await writeFile(resultsFile, JSON.stringify(results));
