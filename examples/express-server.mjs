// All routes of the server beside those of an Express app: npm install express fastify, node examples/express-server.mjs, then
//   curl -s 127.0.0.1:3000/images/v1/images/generations -H "content-type: application/json" -d '{"prompt": "a cat"}'
import express from "express";
import Fastify from "fastify";
import { imageRoutes } from "node-ip-adapter/server";

// It listens nowhere itself. Without keys, only programs on this machine may call.
const images = Fastify({ logger: true, routerOptions: { maxParamLength: 200 } });
await images.register(imageRoutes, { prefix: "/images", limits: { steps: 50 }, queue: { waiting: 20 } });
await images.ready();

const app = express();
// In front of express.json() and its like, which would read the bodies. Under app.use("/images", …) Express would cut the prefix off.
app.use((request, response, next) => {
  if (request.url.startsWith("/images/")) images.routing(request, response);
  else next();
});
app.get("/", (_request, response) => void response.send("Pictures are at /images/docs\n"));

const server = app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () =>
  console.log(`listening on http://127.0.0.1:${server.address().port}`),
);
for (const name of ["SIGINT", "SIGTERM"])
  process.once(name, async () => {
    server.close();
    // Jobs that were accepted may end, as drainSeconds says.
    await images.close();
    server.closeAllConnections();
  });
