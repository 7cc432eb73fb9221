export default {
  // The addon and sharp are loaded from node_modules instead of being bundled.
  serverExternalPackages: ["node-ip-adapter", "sharp"],
  // `next build` makes .next/standalone/, which runs alone: the shipped model, the addon and sharp are traced into it.
  output: "standalone",
};
