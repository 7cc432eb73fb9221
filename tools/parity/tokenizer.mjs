// Compares this package's token ids with transformers' over a whole vocabulary:
//   python tools/goldens/tokenizer.py --tokenizer DIR --out FILE
//   node tools/parity/tokenizer.mjs DIR FILE
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const { ClipTokenizer } = createRequire(import.meta.url)("../../dist/tokenizer.js");
const [folder, file] = process.argv.slice(2);
if (file === undefined) {
  console.error("usage: node tools/parity/tokenizer.mjs TOKENIZER_FOLDER GOLDEN.json");
  process.exit(2);
}
const tokenizer = await ClipTokenizer.load(folder);
const { texts, cases } = JSON.parse(await readFile(file, "utf8"));
// The other cases are for another padding token, which the folder's configuration does not name.
const golden = cases.find(({ padId }) => padId === tokenizer.padId);
const wrong = texts.filter((text, i) => JSON.stringify(tokenizer.encode(text)) !== JSON.stringify(golden.ids[i]));
for (const text of wrong) console.log(`differs: ${JSON.stringify(text)}`);
console.log(`tokenizer: ${texts.length - wrong.length} of ${texts.length} texts equal, vocabulary ${tokenizer.size}`);
process.exitCode = wrong.length === 0 ? 0 : 1;
