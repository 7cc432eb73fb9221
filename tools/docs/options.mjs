// Fills the tables of options in docs/*.md, between <!-- options:NAME --> and <!-- /options -->, from the schemas: which options there are,
// their types, ranges and defaults. What a row says in its last cell is written by hand, and kept; a new option begins with the description of
// its schema. `--check` changes nothing and fails when a table is not what it should be.
// node -r ./test/support/typescript.cjs tools/docs/options.mjs [--check]
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const schemas = createRequire(import.meta.url)("../../lib/options/schema.ts");
const folder = new URL("../../docs/", import.meta.url);

/** The schema of each table's name. */
const TABLES = {
  load: schemas.LoadSchema,
  pool: schemas.ChildrenSchema,
  adapter: schemas.AdapterSchema,
  lora: schemas.LoraSchema,
  control: schemas.ControlSchema,
  devices: schemas.DevicesSchema,
  inpaint: schemas.InpaintSchema,
  controlUse: schemas.ControlUseSchema,
  embedding: schemas.EmbeddingSchema,
  generate: schemas.GenerateSchema,
  imagePrompt: schemas.ImagePromptSchema,
  negativeImage: schemas.NegativeImageSchema,
  region: schemas.RegionSchema,
  preview: schemas.PreviewSchema,
  featureCache: schemas.FeatureCacheSchema,
  encodeImage: schemas.EncodeImageSchema,
  loadEmbeds: schemas.LoadEmbedsSchema,
  change: schemas.ChangeSchema,
  inspect: schemas.InspectSchema,
  convert: schemas.ConvertSchema,
  pull: schemas.PullSchema,
  image: schemas.EncodeOptionsSchema,
  preprocessCall: schemas.PreprocessCallSchema,
};

const KINDS = {
  path: "path or `file:` URL",
  image: "[a picture](pictures.md)",
  floats: "`Float32Array` or numbers",
  scale: "-5 to 5, or [by attention](image-prompts.md#by-attention)",
  latents: "`Float32Array`, or one per picture",
  layers: '`"all"`, or a list',
  device: '`"auto"`, `"cpu"`, `"cuda"`, `"cuda:<n>"`',
  signal: "`AbortSignal`",
  function: "function",
};

/** Names too many for a cell stand elsewhere. */
const LISTS = {
  preset: "[a name](image-prompts.md#presets)",
  scheduler: "[a name](samplers.md#samplers)",
  sigmas: "[a name](samplers.md#noise-levels), or numbers",
};

const HEAD = ["| option | type | default | |", "|---|---|---|---|"];

const number = (value) =>
  value === Number.MAX_SAFE_INTEGER ? "2^53 - 1" : value >= 1e4 ? value.toLocaleString("en") : `${value}`;
const range = ({ minimum, maximum }) => `${number(minimum)} to ${number(maximum)}`;

function typeOf(name, rule) {
  if (rule["x-kind"] !== undefined) return KINDS[rule["x-kind"]];
  if (name in LISTS) return LISTS[name];
  if (rule.enum !== undefined) return rule.enum.map((value) => `\`"${value}"\``).join(", ");
  if (rule.properties !== undefined) return `\`${shape(rule)}\``;
  if (rule.type !== "array") return rule.minimum === undefined ? rule.type : range(rule);
  const { items, minItems, maxItems } = rule;
  if (minItems === maxItems && items.type === "array") return `${minItems} pairs of numbers`;
  if (minItems === maxItems) {
    const [pair] = /\[\w+, \w+\]/.exec(rule.description) ?? ["[a, b]"];
    return `\`${pair}\`, each ${range(items)}`;
  }
  if (items.type === "array") return "`[share, factor][]`";
  if (items.properties === undefined) return items.type === "string" ? "strings" : `numbers, ${range(items)}`;
  if (items["x-shorthand"] === undefined) return `\`${shape(items)}[]\`, at most ${maxItems}`;
  const others = items["x-shorthand"] === "file" ? "paths" : "pictures";
  const own = { "image prompt": "ImagePrompt", "negative image prompt": "NegativeImagePrompt" }[items.title];
  if (items["x-shorthand"] === undefined) return `\`${shape(items)}[]\`, at most ${maxItems}`;
  return `\`${own ?? shape(items)}[]\` or ${others}, at most ${maxItems}`;
}

const shape = ({ properties, required = [] }) =>
  `{ ${Object.keys(properties)
    .map((name) => (required.includes(name) ? name : `${name}?`))
    .join(", ")} }`;

function defaultOf(rule) {
  if (rule["x-default"] !== undefined) return rule["x-default"];
  const { default: value } = rule;
  if (value === undefined) return "";
  return typeof value === "number" ? number(value) : `\`${JSON.stringify(value).replaceAll(",", ", ")}\``;
}

const cellsOf = (row) =>
  row
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());
const unique = (values) => [...new Set(values)].join(", ");

/** The table for a schema, with the last cells of the rows that there are. One row may have several options. */
function table({ properties }, rows) {
  const known = rows.map(cellsOf).map((cells) => ({
    names: [...cells[0].matchAll(/`(\w+)`/g)].map(([, name]) => name).filter((name) => name in properties),
    type: cells[1],
    text: cells.at(-1),
  }));
  const written = [];
  for (const [name, rule] of Object.entries(properties)) {
    const own = known.find(({ names }) => names.includes(name)) ?? { names: [name], text: rule.description };
    if (own.names[0] !== name) continue;
    const rules = own.names.map((one) => [one, properties[one]]);
    // How a callback is called no schema says.
    const type =
      rule["x-kind"] === "function" && own.type ? own.type : unique(rules.map(([one, its]) => typeOf(one, its)));
    written.push(
      `| ${own.names.map((one) => `\`${one}\``).join(", ")} | ${type} | ${unique(rules.map(([, its]) => defaultOf(its)))} | ${own.text} |`,
    );
  }
  return [...HEAD, ...written].map((row) => row.replace(/\|  +\|/g, "| |"));
}

const check = process.argv.includes("--check");
let wrong = 0;
for (const page of readdirSync(folder).filter((name) => name.endsWith(".md"))) {
  const file = new URL(page, folder);
  const text = readFileSync(file, "utf8");
  const filled = text.replace(/(<!-- options:(\w+) -->\n)([^]*?)(<!-- \/options -->)/g, (_, begin, name, old, end) => {
    if (!(name in TABLES)) throw new Error(`docs/${page}: there is no schema for options:${name}`);
    const rows = old
      .split("\n")
      .filter((line) => line.startsWith("|"))
      .slice(HEAD.length);
    return `${begin}${table(TABLES[name], rows).join("\n")}\n${end}`;
  });
  if (filled === text) continue;
  if (check) {
    console.error(`docs/${page}: its tables of options are not those of the schemas: run npm run docs:options`);
    wrong++;
  } else writeFileSync(file, filled);
}
process.exitCode = wrong === 0 ? 0 : 1;
