/** What OpenAI's routes answer, as JSON Schema. */
import { type JsonSchema, objectSchema } from "../openapi/schema";

const COUNT = { type: "integer", minimum: 0 };
const SECONDS = { type: "integer", minimum: 0, description: "seconds since 1970" };
const BASE64 = { type: "string", contentEncoding: "base64" };
const SEED = { type: "integer", minimum: 0, description: "extension: it makes the picture again" };

const UsageSchema = objectSchema(
  {
    input_tokens: COUNT,
    output_tokens: COUNT,
    total_tokens: COUNT,
    input_tokens_details: objectSchema({ image_tokens: COUNT, text_tokens: COUNT }),
  },
  "Usage",
);

/** What is said of every picture. */
const ABOUT = {
  size: { type: "string", pattern: "^[0-9]+x[0-9]+$" },
  quality: { type: "string" },
  background: { type: "string", enum: ["opaque"] },
  output_format: { type: "string", enum: ["png", "jpeg", "webp"] },
};

export const ImagesSchema = objectSchema(
  {
    created: SECONDS,
    data: { type: "array", minItems: 1, items: objectSchema({ b64_json: BASE64, seed: SEED }) },
    usage: UsageSchema,
    ...ABOUT,
  },
  "Images",
);

/** Data of the events, by their names. @param kind what stands in front of these */
export function eventSchemas(kind: "image_generation" | "image_edit", error: JsonSchema): Record<string, JsonSchema> {
  const event = (name: string, properties: Record<string, JsonSchema>): [string, JsonSchema] => [
    `${kind}.${name}`,
    objectSchema({
      type: { type: "string", enum: [`${kind}.${name}`] },
      b64_json: BASE64,
      created_at: SECONDS,
      ...properties,
      ...ABOUT,
    }),
  ];
  const failed = error.properties as Record<string, JsonSchema>;
  return {
    ...Object.fromEntries([
      event("partial_image", { partial_image_index: { type: "integer", minimum: 0, maximum: 2 } }),
      event("completed", { seed: SEED, usage: UsageSchema }),
    ]),
    error: objectSchema({ type: { type: "string", enum: ["error"] }, ...failed }),
  };
}

export const ModelSchema = objectSchema(
  {
    id: { type: "string" },
    object: { type: "string", enum: ["model"] },
    created: COUNT,
    owned_by: { type: "string" },
  },
  "Model",
);

export const ModelListSchema = objectSchema(
  { object: { type: "string", enum: ["list"] }, data: { type: "array", items: ModelSchema } },
  "Models",
);
