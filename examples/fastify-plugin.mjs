// All routes of the server in a program of your own: node examples/fastify-plugin.mjs, then
//   curl -s 127.0.0.1:3000/images/v1/images/generations -H "content-type: application/json" -d '{"prompt": "a cat"}'
import Fastify from "fastify";
import { imageRoutes } from "node-ip-adapter/server";

const app = Fastify({ logger: true });
// Without keys, only programs on this machine may call. `trusted: true` leaves that to hooks of your own.
await app.register(imageRoutes, { prefix: "/images", limits: { steps: 50 }, queue: { waiting: 20 } });
for (const name of ["SIGINT", "SIGTERM"]) process.once(name, () => void app.close());
await app.listen({ port: Number(process.env.PORT ?? 3000) });
