// One route that paints after a posted picture: node examples/fastify-server.mjs, then
//   curl --data-binary @examples/images/red-apple.png -H "content-type: image/png" \
//     "http://127.0.0.1:3000/paint?prompt=on%20a%20blue%20background" -o painted.png
import Fastify from "fastify";
import { Pipeline } from "node-ip-adapter";

// A string from a client would be the path of a file on this server: "bytes" refuses it.
const pipeline = await Pipeline.load({ images: "bytes", maxPixels: 25_000_000, maxQueue: 20 });
const app = Fastify({ logger: true, bodyLimit: 16 * 1024 * 1024 });
// Pictures alone are read: Fastify answers every other type with 415, text and JSON included.
app.removeAllContentTypeParsers();
app.addContentTypeParser(/^image\//, { parseAs: "buffer" }, (_request, body, done) => done(null, body));

const querystring = {
  type: "object",
  properties: {
    prompt: { type: "string", default: "" },
    scale: { type: "number", minimum: 0, maximum: 2, default: 0.8 },
    steps: { type: "integer", minimum: 1, maximum: 100, default: 30 },
    seed: { type: "integer", minimum: 0 },
  },
};

function statusOf(code) {
  if (/^ERR_IPA_(IMAGE|INVALID|UNKNOWN)/.test(code ?? "")) return 400;
  return code === "ERR_IPA_BUSY" || code === "ERR_IPA_DISPOSED" ? 503 : 500;
}

app.post("/paint", { schema: { querystring } }, async (request, reply) => {
  if (!Buffer.isBuffer(request.body))
    return reply.code(415).send({ error: { message: "post the bytes of a picture as image/png, image/jpeg, …" } });
  // A client that goes away stops its generation.
  const gone = new AbortController();
  reply.raw.once("close", () => gone.abort());
  const { prompt, scale, steps, seed } = request.query;
  try {
    const { images } = await pipeline.generate({
      prompt,
      imagePrompts: [{ image: request.body, scale }],
      steps,
      ...(seed === undefined ? {} : { seed }),
      signal: gone.signal,
    });
    return await reply.type("image/png").send(await images[0].toBuffer("png"));
  } catch (error) {
    const message = error.code === "ERR_IPA_DISPOSED" ? "the server stops: try again later" : error.message;
    return reply.code(statusOf(error.code)).send({ error: { code: error.code, message } });
  }
});

// Before the server waits for its open requests: they are answered at once instead of being painted first.
app.addHook("preClose", () => pipeline.dispose());
for (const name of ["SIGINT", "SIGTERM"]) process.once(name, () => void app.close());
await app.listen({ port: Number(process.env.PORT ?? 3000) });
