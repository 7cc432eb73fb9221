/** The engine's table of plain options and the schema say the same. Needs `npm run build:native`. */
import { loadAddon } from "../lib/native/load";
import { EstimateSchema } from "../lib/options/generate-schema";
import type { Schema } from "../lib/options/json-schema";
import { plainOptions, type PlainOptions } from "../lib/options/plain-options";

const { properties } = EstimateSchema;

/** The schemas of plain values, by the paths that the engine gives them. */
function leaves(path: string, schema: Schema): [path: string, schema: Schema][] {
  if (schema.properties !== undefined)
    return Object.entries(schema.properties).flatMap(([name, inside]) => leaves(`${path}.${name}`, inside));
  if (schema.type !== "array") return [[path, schema]];
  const usual = schema.default as readonly number[] | undefined;
  return [0, 1].map((i) => [`${path}.${i}`, { ...schema.items, ...(usual && { default: usual[i] }) }]);
}

const plain = Object.keys(plainOptions({ ...properties } as unknown as PlainOptions)) as (keyof PlainOptions)[];
const schemas = new Map(plain.flatMap((name) => leaves(name, properties[name])));
const fields = new Map(
  loadAddon()
    .fields()
    .map((field) => [field.path, field]),
);

test("the engine reads every plain option of generate(), and no other", () => {
  expect([...fields.keys()].sort()).toEqual([...schemas.keys()].sort());
});

test.each([...fields.values()])("$path has one range", ({ path, integer, minimum, maximum, names }) => {
  const schema = schemas.get(path)!;
  if (names === undefined)
    expect({ integer: schema.type === "integer", minimum: schema.minimum, maximum: schema.maximum }).toEqual({
      integer,
      minimum,
      maximum,
    });
  else expect([...(schema.enum ?? [])].sort()).toEqual(names.sort());
});

test("the schema's defaults are those of the engine", () => {
  for (const [path, schema] of schemas)
    if (schema.default !== undefined) expect([path, fields.get(path)!.default]).toEqual([path, schema.default]);
});
