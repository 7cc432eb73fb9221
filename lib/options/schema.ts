/** One schema per options object: the single place of names, ranges, defaults and descriptions. Plain data, as JSON has it. */
export * from "./file-schema";
export * from "./generate-schema";
export * from "./load-schema";
export * from "./names";
export * from "./preprocess-schema";
