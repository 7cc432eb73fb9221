export default {
  // The addon and sharp are loaded from node_modules instead of being bundled.
  serverExternalPackages: ["node-ip-adapter", "sharp"],
  // `next build` makes .next/standalone/, which runs without node_modules beside it.
  output: "standalone",
  // What the engine opens by name: the shipped model and its vocabulary, and the addon. Models of your own need no tracing.
  outputFileTracingIncludes: {
    "/api/images": ["./node_modules/node-ip-adapter/models/**/*", "./node_modules/node-ip-adapter/prebuilds/**/*"],
  },
};
