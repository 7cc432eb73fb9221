// Paints after a posted picture:
//   curl -F image=@photo.png -F prompt="on a blue background" http://127.0.0.1:3000/api/images -o painted.png
import { IpAdapterError, Pipeline } from "node-ip-adapter";

/** The engine is native code. */
export const runtime = "nodejs";

const MOST_BYTES = 16 * 1024 * 1024;

/** One model for all requests. `next dev` loads this file again after every change, but the model stays. */
const shared = globalThis as { pipeline?: Promise<Pipeline> };

function load(): Promise<Pipeline> {
  // A string from a client would be the path of a file on this server: "bytes" refuses it.
  shared.pipeline ??= Pipeline.load({ images: "bytes", maxPixels: 25_000_000, maxQueue: 20 }).catch((error) => {
    // The next request tries again.
    delete shared.pipeline;
    throw error;
  });
  return shared.pipeline;
}

const problem = (status: number, message: string) => Response.json({ error: { message } }, { status });

function answer(error: unknown) {
  if (!(error instanceof IpAdapterError)) throw error;
  if (/^ERR_IPA_(IMAGE|INVALID|UNKNOWN)/.test(error.code)) return problem(400, error.message);
  return error.code === "ERR_IPA_BUSY" ? problem(503, error.message) : problem(500, error.code);
}

export async function POST(request: Request) {
  const length = Number(request.headers.get("content-length") ?? Infinity);
  if (!(length <= MOST_BYTES)) return problem(413, `send up to ${MOST_BYTES} bytes`);
  const form = await request.formData().catch(() => undefined);
  const image = form?.get("image");
  if (!(image instanceof File)) return problem(400, "send a form with a file named image");
  const prompt = form?.get("prompt");
  try {
    const pipeline = await load();
    const { images } = await pipeline.generate({
      prompt: typeof prompt === "string" ? prompt : "",
      imagePrompts: [{ image: Buffer.from(await image.arrayBuffer()) }],
      // A client that goes away stops its generation.
      signal: request.signal,
    });
    const png = await images[0]!.toBuffer("png");
    return new Response(new Uint8Array(png), { headers: { "content-type": "image/png" } });
  } catch (error) {
    return answer(error);
  }
}
