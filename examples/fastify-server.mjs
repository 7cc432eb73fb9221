// One route that paints after a posted picture: node examples/fastify-server.mjs, then
//   curl --data-binary @examples/images/red-apple.png -H "content-type: image/png" \
//     "http://127.0.0.1:3000/paint?prompt=on%20a%20blue%20background" -o painted.png
import Fastify from "fastify";
import { Pipeline } from "node-ip-adapter";

const pipeline = await Pipeline.load();
const app = Fastify({ logger: true, bodyLimit: 16 * 1024 * 1024 });
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

app.post("/paint", { schema: { querystring } }, async (request, reply) => {
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
    const wrongRequest = /^ERR_IPA_(IMAGE|INVALID|UNKNOWN)/.test(error.code ?? "");
    return reply.code(wrongRequest ? 400 : 500).send({ error: { code: error.code, message: error.message } });
  }
});

app.addHook("onClose", () => pipeline.dispose());
for (const name of ["SIGINT", "SIGTERM"]) process.once(name, () => void app.close());
await app.listen({ port: Number(process.env.PORT ?? 3000) });
