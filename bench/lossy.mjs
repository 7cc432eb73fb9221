// What the lossy accelerators cost and save: `npm run bench:lossy [-- --model DIR --vae DIR --steps 20 --pictures 16]`.
// For every setting, against the exact picture of the same prompt and seed: PSNR (mean and worst), and the time from the call to
// the last step (median share), all settings in turn for one picture after the other. `-- --step --model DIR` measures instead how long each kind
// of step takes (the least of some), for models too large to wait for, or that have not learnt anything.
import { parseArgs } from "node:util";
import { Pipeline } from "node-ip-adapter";

const { values } = parseArgs({
  options: {
    model: { type: "string" },
    vae: { type: "string" },
    steps: { type: "string", default: "20" },
    pictures: { type: "string", default: "16" },
    guidance: { type: "string", default: "4" },
    step: { type: "boolean", default: false },
  },
});
const [steps, pictures, guidance] = [values.steps, values.pictures, values.guidance].map(Number);
const subjects = ["cat", "dog", "frog", "house", "fish", "tree", "car", "ball"];
const colours = ["yellow", "blue", "white", "green", "red", "purple", "grey", "black"];
const calls = Array.from({ length: pictures }, (_, i) => ({
  prompt: `a ${subjects[i % 8]} on a ${colours[(3 * i + Math.floor(i / 8)) % 8]} background`,
  seed: i,
  steps,
  guidance,
}));

const interval = (start, end) => [`guidanceInterval [${start}, ${end}]`, { guidanceInterval: [start, end] }];
const cache = (every, depth) => [`featureCache every ${every}, depth ${depth}`, { featureCache: { every, depth } }];
const merge = (ratio) => [`tokenMerging ${ratio}`, { tokenMerging: ratio }];

const pipeline = await Pipeline.load({
  ...(values.model ? { model: values.model } : {}),
  ...(values.vae ? { vae: values.vae } : {}),
});

/** Seconds of every step, the first with all that comes before it, and from the last step to the picture. */
async function measure(call) {
  const ticks = [performance.now()];
  const { images } = await pipeline.generate({ ...call, onProgress: () => void ticks.push(performance.now()) });
  const end = performance.now();
  const seconds = (from, to) => (to - from) / 1000;
  return {
    each: ticks.slice(1).map((tick, i) => seconds(ticks[i], tick)),
    all: seconds(ticks[0], ticks.at(-1)),
    tail: seconds(ticks.at(-1), end),
    picture: images[0],
  };
}

const mean = (list) => list.reduce((sum, v) => sum + v, 0) / list.length;

const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];

function psnr(a, b) {
  return 10 * Math.log10(255 ** 2 / mean(Array.from(a, (v, i) => (v - b[i]) ** 2)));
}

const quality = (dB) =>
  dB.length === 0 ? "" : `  PSNR ${mean(dB).toFixed(1)} dB, worst ${Math.min(...dB).toFixed(1)} dB`;

/** Means over squares of `factor` pixels. */
function shrink({ data, width, height }, factor) {
  const small = new Float64Array(data.length / factor ** 2);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++)
        small[(Math.floor(y / factor) * (width / factor) + Math.floor(x / factor)) * 3 + c] +=
          data[(y * width + x) * 3 + c] / factor ** 2;
  return small;
}

async function pictureMode() {
  const rows = [
    ["exact", {}],
    ...[
      [0, 0.8],
      [0, 0.5],
      [0.1, 0.8],
      [0.2, 0.8],
    ].map(([start, end]) => interval(start, end)),
    ...[
      [2, 1],
      [2, 2],
      [2, 3],
      [3, 1],
      [3, 3],
      [5, 1],
      [5, 3],
    ].map(([every, depth]) => cache(every, depth)),
    ...[0.25, 0.5, 0.75].map(merge),
    ["interval [0, 0.8], cache every 2, depth 1", { guidanceInterval: [0, 0.8], featureCache: { every: 2 } }],
  ].map(([name, options]) => ({ name, options, shares: [], dB: [] }));
  await measure(calls[0]);
  const likeness = [];
  for (const call of calls) {
    let exact, whole;
    for (const row of rows) {
      const { all, picture } = await measure({ ...call, ...row.options });
      if (row.name === "exact") [exact, whole] = [picture, all];
      row.shares.push(all / whole);
      if (row.name === "exact") continue;
      row.dB.push(psnr(picture.data, exact.data));
    }
    // The last preview against the finished picture, both one pixel per latent.
    let last;
    await pipeline.generate({
      ...call,
      output: "latents",
      preview: { every: steps - 1, decoder: "linear" },
      onProgress: ({ preview }) => void (last = preview ?? last),
    });
    likeness.push(psnr(last.data, shrink(exact, pipeline.info.vaeScale)));
  }
  console.log(`${pictures} pictures of ${steps} steps, guidance ${guidance}`);
  for (const { name, shares, dB } of rows)
    console.log(`${name.padEnd(44)} time ${median(shares).toFixed(2)}${quality(dB)}`);
  console.log(`linear preview against the finished picture, reduced${quality(likeness)}`);
}

async function stepMode() {
  // The first step of each call is whole and carries the encoders; the others are of the kind asked for.
  const kinds = [
    ["whole step", {}],
    ["without guidance", { guidance: 1 }],
    ...[1, 2, 3, 4].map((depth) => [`outermost layers only, depth ${depth}`, { featureCache: { every: 10, depth } }]),
    ...[0.25, 0.5, 0.75].map(merge),
  ].map(([name, options]) => ({ name, options, seconds: 0 }));
  for (const kind of kinds)
    kind.seconds = Math.min(
      ...(await measure({ ...calls[0], output: "latents", steps: 4, ...kind.options })).each.slice(1),
    );
  for (const { name, seconds } of kinds)
    console.log(
      `${name.padEnd(44)} ${seconds.toFixed(3)} s, ${(seconds / kinds[0].seconds).toFixed(2)} of a whole one`,
    );
}

async function decoderTimes() {
  const call = { ...calls[0], steps: 1, guidance: 1 };
  let tail = Infinity;
  for (let i = 0; i < 3; i++) tail = Math.min(tail, (await measure(call)).tail);
  console.log(`decoding a picture${values.vae ? ` by ${values.vae}` : ""}: ${(tail * 1000).toFixed(1)} ms`);
}

await (values.step ? stepMode() : pictureMode());
await decoderTimes();
await pipeline.dispose();
