/** Serving pictures over HTTP: `import { imageRoutes } from "node-ip-adapter/server"`. */
export { imageRoutes } from "./plugin";
export type { ImageRoutesOptions } from "./plugin";
export { serve } from "./serve";
export type { ServeOptions, Server } from "./serve";
export type { ApiKey } from "./http/keys";
export type { ServerConfig } from "./config";
export type { Moderate, ModerationRequest } from "./service";
