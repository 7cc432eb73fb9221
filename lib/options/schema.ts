/** One schema per options object: the single place of names, ranges, defaults and descriptions. Plain data, as JSON has it. */
export * from "./device-schema";
export * from "./estimate-schema";
export * from "./file-schema";
export * from "./generate-schema";
export * from "./guide-schema";
export * from "./image-prompt-schema";
export * from "./load-schema";
export * from "./names";
export * from "./parts-schema";
export * from "./pool-schema";
export * from "./preprocess-schema";
