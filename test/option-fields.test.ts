/** The engine's tables of plain options and the schemas say the same. Needs `npm run build:native`. */
import { loadAddon } from "../lib/native/load";
import { EstimateSchema } from "../lib/options/estimate-schema";
import type { ObjectSchema, Schema } from "../lib/options/json-schema";
import { LoadSchema } from "../lib/options/load-schema";
import { plainLoadOptions } from "../lib/options/plain-load-options";
import { plainOptions } from "../lib/options/plain-options";

/** The schemas of plain values, by the paths that the engine gives them. */
function leaves(path: string, schema: Schema): [path: string, schema: Schema][] {
  if (schema.properties !== undefined)
    return Object.entries(schema.properties).flatMap(([name, inside]) => leaves(`${path}.${name}`, inside));
  if (schema.type !== "array") return [[path, schema]];
  const usual = schema.default as readonly number[] | undefined;
  return [0, 1].map((i) => [`${path}.${i}`, { ...schema.items, ...(usual && { default: usual[i] }) }]);
}

/** @param pick what copies the plain options of a call */
function plainSchemas({ properties }: ObjectSchema, pick: (read: never) => object): Map<string, Schema> {
  const plain = pick({ ...properties } as never);
  return new Map(Object.entries(plain as Record<string, Schema>).flatMap(([name, schema]) => leaves(name, schema)));
}

describe.each([
  { call: "generate", schemas: plainSchemas(EstimateSchema, plainOptions) },
  { call: "load", schemas: plainSchemas(LoadSchema, plainLoadOptions) },
] as const)("$call()", ({ call, schemas }) => {
  const fields = loadAddon().fields()[call];

  test("the engine reads every plain option, and no other", () => {
    expect(fields.map(({ path }) => path).sort()).toEqual([...schemas.keys()].sort());
  });

  test.each(fields)("$path has one range", ({ path, boolean, integer, minimum, maximum, names }) => {
    const schema = schemas.get(path)!;
    if (boolean === true) expect(schema.type).toBe("boolean");
    else if (names === undefined)
      expect({ integer: schema.type === "integer", minimum: schema.minimum, maximum: schema.maximum }).toEqual({
        integer,
        minimum,
        maximum,
      });
    else expect([...(schema.enum ?? [])].sort()).toEqual([...names].sort());
  });

  test("the schema's defaults are those of the engine", () => {
    const usual = new Map(fields.map((field) => [field.path, field.default]));
    for (const [path, schema] of schemas)
      if (schema.default !== undefined) expect([path, usual.get(path)]).toEqual([path, schema.default]);
  });
});
