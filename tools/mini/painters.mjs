// What the evaluations share: two pipelines that work through a list, and raw pictures.
import { Pipeline } from "node-ip-adapter";

export const SIDE = 128;
export const STEPS = 30;
export const PICTURE = SIDE * SIDE * 3;

/** One pipeline a core, each on one thread: small networks scale better so than by sharing a thread pool. */
export const loadPair = (options) => Promise.all([0, 1].map(() => Pipeline.load({ ...options, threads: 1 })));

export async function inTurn(pipelines, items, work) {
  let next = 0;
  await Promise.all(
    pipelines.map(async (pipeline) => {
      while (next < items.length) await work(pipeline, items[next++]);
    }),
  );
}

/** The i-th of pictures that lie one behind the other. */
export const pictureOf = (bytes, i) => ({
  data: bytes.subarray(i * PICTURE, (i + 1) * PICTURE),
  width: SIDE,
  height: SIDE,
  channels: 3,
});

/** @returns the pictures of the requests, `bytes` each, one behind the other */
export async function paint(pipelines, requests, bytes = PICTURE) {
  const out = Buffer.alloc(requests.length * bytes);
  await inTurn(pipelines, [...requests.entries()], async (pipeline, [i, request]) => {
    const { images } = await pipeline.generate({ steps: STEPS, ...request });
    out.set(images[0].data, i * bytes);
  });
  return out;
}
