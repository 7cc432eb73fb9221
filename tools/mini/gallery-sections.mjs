// The sections of docs/gallery.md: what each says, shows as code, and paints. `paint(options)` makes one picture with the shipped model.
import { preprocess } from "node-ip-adapter";

import { SIDE, maskOf } from "./raw.mjs";
import { picture } from "./sheets.mjs";

const wide = { width: 2 * SIDE, height: SIDE };
const half = (x) => maskOf([x, 0, SIDE, SIDE], wide);
const oneByOne = async (items, make) => {
  const out = [];
  for (const [i, item] of items.entries()) out.push(await make(item, i));
  return out;
};

/** White edges of a picture on black, as the controls read them. */
const edgesOf = (image) => preprocess(image, "canny");

/** Layouts: an emoji somewhere, in another style than the image prompts have. */
const layouts = () =>
  Promise.all([
    picture("glossy", "cat-face", "#fafafa", 56, SIDE, -32, 0),
    picture("flat", "cat-face", "#fafafa", 122),
    picture("glossy", "rocket", "#fafafa", 100, SIDE, 0, 3),
    picture("flat", "rocket", "#fafafa", 56, SIDE, 32, 0),
  ]);

function structure(id, control, kind, guidance) {
  return {
    id,
    title: `Structure by a ${kind}`,
    text: `The edges say where things are, the image prompt says what and how, the words say the background. The ${kind} was trained for the shipped model and is in the package, in \`models/mini-controls/\`.`,
    link: "controls.md",
    code: `const { images } = await pipeline.generate({
  prompt: "on a blue background",
  imagePrompts: ["cat.png"],
  controls: [{ control: ${control}, image: "layout.png", preprocess: "canny" }],
  guidance: ${guidance},
});`,
    async make({ paint }) {
      const grounds = ["blue", "purple", "green", "yellow"];
      const shown = [
        await picture("classic", "cat-face"),
        await picture("classic", "cat-face"),
        await picture("classic", "rocket"),
        await picture("classic", "rocket"),
      ];
      const rows = await oneByOne(await layouts(), async (image, i) => {
        const call = { prompt: `on a ${grounds[i]} background`, imagePrompts: [shown[i]], guidance, seed: 40 + i };
        const controls = [{ control, image, preprocess: "canny" }];
        return [await edgesOf(image), shown[i], await paint(call), await paint({ ...call, controls })];
      });
      return { labels: ["edges", "image prompt", "without the control", "with it"], rows };
    },
  };
}

const scales = {
  id: "scale-and-seed",
  title: "Scale by seed",
  text: "The image prompt leads from the words to the picture. `--sheet` of the command makes such sheets, with labels.",
  link: "generate.md#image-prompts",
  code: `const { images } = await pipeline.generate({
  prompt: "a robot on a green background",
  imagePrompts: [{ image: "sunflower.png", scale: 0.7 }],
  seed: 1,
});`,
  async make({ paint }) {
    const image = await picture("glossy", "sunflower");
    const steps = [0, 0.4, 0.6, 0.7, 0.8, 1];
    const rows = await oneByOne([1, 2, 3], (seed) =>
      oneByOne(steps, (scale) =>
        paint({ prompt: "a robot on a green background", imagePrompts: [{ image, scale }], seed }),
      ),
    );
    return { labels: steps.map((scale) => `scale ${scale}`), rows };
  },
};

const masks = {
  id: "masks",
  title: "Two references, each in its place",
  text: "Each image prompt counts where its mask is white. These are painted with the plus adapter.",
  link: "image-prompts.md#in-a-part-of-the-picture",
  code: `const { images } = await pipeline.generate({
  prompt: "on a yellow background",
  imagePrompts: [
    { image: "owl.png", mask: "left.png" },
    { image: "apple.png", mask: "right.png" },
  ],
  width: 256,
  height: 128,
});`,
  async make({ paint }) {
    const pairs = [
      ["owl", "red-apple", "yellow"],
      ["penguin", "sunflower", "blue"],
      ["frog", "sun-with-face", "purple"],
    ];
    const rows = await oneByOne(pairs, async ([a, b, ground], i) => {
      const [left, right] = [await picture("flat", a), await picture("classic", b)];
      const imagePrompts = [
        { image: left, mask: half(0), adapter: 1 },
        { image: right, mask: half(SIDE), adapter: 1 },
      ];
      const call = { prompt: `on a ${ground} background`, imagePrompts, seed: 1 + i, ...wide };
      return [left, right, await paint(call)];
    });
    return { labels: ["left half", "right half", "the picture"], rows };
  },
};

const regions = {
  id: "regions",
  title: "Regions",
  text: "Each part of the picture has words of its own.",
  link: "image-prompts.md#regions",
  code: `const { images } = await pipeline.generate({
  regions: [
    { mask: "left.png", prompt: "a classic rocket on a black background" },
    { mask: "right.png", prompt: "a flat sun on a white background" },
  ],
  width: 256,
  height: 128,
});`,
  async make({ paint }) {
    const pairs = [
      ["a flat tree on a white background", "a glossy star on a black background"],
      ["a classic rocket on a black background", "a flat sun on a white background"],
    ];
    const rows = await oneByOne(pairs, async ([left, right], i) => [
      await paint({
        prompt: "",
        regions: [
          { mask: half(0), prompt: left },
          { mask: half(SIDE), prompt: right },
        ],
        seed: 70 + i,
        ...wide,
      }),
    ]);
    return { labels: ["two regions"], rows };
  },
};

const blocks = (scale) => ({
  id: "blocks",
  title: "Style by block",
  text: "With some blocks only, an image prompt brings its style and leaves the subject to the words. The model's adapter was trained for that. Larger scales bring more of the style, and blotches.",
  link: "image-prompts.md#by-attention",
  code: `const { images } = await pipeline.generate({
  prompt: "a cat",
  imagePrompts: [{ image: "car.png", scale: ${JSON.stringify(scale)
    .replaceAll('"', "")
    .replace(/([:,[{])/g, "$1 ")
    .replaceAll("[ ", "[")
    .replaceAll("}", " }")} }],
});`,
  async make({ paint }) {
    const words = ["a cat", "a house", "a fish"];
    const rows = await oneByOne(["flat", "glossy", "classic"], async (style) => {
      const image = await picture(style, "automobile");
      const painted = await oneByOne(words, (prompt, i) =>
        paint({ prompt, imagePrompts: [{ image, scale }], seed: 80 + i }),
      );
      return [image, ...painted];
    });
    return { labels: ["image prompt", ...words], rows };
  },
});

const several = {
  id: "several",
  title: "Several pictures of one adapter",
  text: "`weight` says how much of each there is.",
  link: "image-prompts.md#several-pictures",
  code: `const { images } = await pipeline.generate({
  imagePrompts: [
    { image: "dog.png", weight: 0.7, combine: "average" },
    { image: "lion.png", weight: 0.3, combine: "average" },
  ],
});`,
  async make({ paint }) {
    const pairs = [
      ["dog-face", "lion"],
      ["tangerine", "jack-o-lantern"],
    ];
    const weights = [1, 0.7, 0.5, 0.3, 0];
    const rows = await oneByOne(pairs, async ([a, b], i) => {
      const [one, two] = [await picture("flat", a), await picture("flat", b)];
      const painted = await oneByOne(weights, (weight) =>
        paint({
          prompt: "",
          imagePrompts: [
            { image: one, weight, combine: "average" },
            { image: two, weight: 1 - weight, combine: "average" },
          ],
          seed: 90 + i,
        }),
      );
      return [one, ...painted, two];
    });
    return { labels: ["one", ...weights.map((w) => `${w} : ${Number((1 - w).toFixed(1))}`), "two"], rows };
  },
};

const windows = {
  id: "windows",
  title: "A window over the steps",
  text: "The first steps make the layout, the last the detail. `start` and `end` say in which an image prompt counts.",
  link: "image-prompts.md#by-step",
  code: `const { images } = await pipeline.generate({
  prompt: "a house on a purple background",
  imagePrompts: [{ image: "fish.png", start: 0.3 }],
});`,
  async make({ paint }) {
    const image = await picture("flat", "tropical-fish");
    const spans = [
      [0, 1],
      [0, 0.2],
      [0, 0.4],
      [0.1, 1],
      [0.3, 1],
      [0.5, 1],
    ];
    const rows = await oneByOne([5, 8], async (seed) => [
      image,
      ...(await oneByOne(spans, ([start, end]) =>
        paint({ prompt: "a house on a purple background", imagePrompts: [{ image, start, end }], seed }),
      )),
    ]);
    return { labels: ["image prompt", ...spans.map(([a, b]) => `${a} to ${b}`)], rows };
  },
};

const strengths = {
  id: "image-to-image",
  title: "Image to image",
  text: "`strength` says how much of the picture is painted anew.",
  link: "generate.md#changing-a-picture",
  code: `const { images } = await pipeline.generate({
  prompt: "a pumpkin on a black background",
  image: "basketball.png",
  strength: 0.3,
});`,
  async make({ paint }) {
    const starts = [
      [await picture("glossy", "basketball", "#16161a"), "a pumpkin on a black background"],
      [await picture("flat", "bear", "#346ae8"), "a panda on a blue background"],
    ];
    const steps = [0.1, 0.2, 0.3, 0.4, 0.6, 1];
    const rows = await oneByOne(starts, async ([image, prompt], i) => [
      image,
      ...(await oneByOne(steps, (strength) => paint({ prompt, image, strength, seed: 100 + i }))),
    ]);
    return { labels: ["image", ...steps.map((s) => `strength ${s}`)], rows };
  },
};

const inpainting = {
  id: "inpainting",
  title: "Inpainting",
  text: "The white of the mask is painted anew. The rest stays to the byte.",
  link: "generate.md#changing-a-picture",
  code: `const { images } = await pipeline.generate({
  prompt: "a cat on a green background",
  imagePrompts: ["cat.png"],
  image: "scene.png",
  mask: "mask.png",
});`,
  async make({ paint }) {
    const shown = await picture("classic", "cat-face");
    const mask = half(SIDE);
    const scene = await paint({
      prompt: "",
      imagePrompts: [{ image: await picture("classic", "owl", "#2c844a"), mask: half(0) }],
      seed: 3,
      ...wide,
    });
    const call = { prompt: "a cat on a green background", imagePrompts: [{ image: shown, mask }], image: scene, mask };
    const painted = await oneByOne([111, 112], (seed) => paint({ ...call, seed }));
    return { labels: ["image", "mask", "seed 111", "seed 112"], rows: [[scene, mask, ...painted]] };
  },
};

const variations = {
  id: "variations",
  title: "Variations of a seed",
  text: "`variation` turns the noise of one seed towards that of another.",
  link: "generate.md#variations",
  code: `const { images } = await pipeline.generate({
  prompt: "a cat",
  seed: 5,
  variation: { seed: 6, strength: 0.4 },
});`,
  async make({ paint }) {
    const steps = [0, 0.2, 0.4, 0.6, 0.8, 1];
    const rows = await oneByOne(["a cat", "a house"], (prompt) =>
      oneByOne(steps, (strength) => paint({ prompt, seed: 5, variation: { seed: 6, strength } })),
    );
    return { labels: steps.map((s) => `strength ${s}`), rows };
  },
};

/** A picture beside itself, twice. */
function thrice({ data, width, height }) {
  const row = (y) => Buffer.from(data.buffer, data.byteOffset + y * width * 3, width * 3);
  const rows = Array.from({ length: height }, (_, y) => Buffer.concat([row(y), row(y), row(y)]));
  return { data: Buffer.concat(rows), width: 3 * width, height, channels: 3 };
}

const seamless = {
  id: "seamless",
  title: "Seamless pictures",
  text: "The left and the right edge meet. Each picture is laid three times side by side.",
  link: "generate.md#seamless-pictures",
  code: `const { images } = await pipeline.generate({
  prompt: "a flat cat on a yellow background",
  seamless: "x",
});`,
  async make({ paint }) {
    const prompts = ["a flat cat on a yellow background", "a tree on a blue background"];
    const rows = await oneByOne(prompts, (prompt, i) =>
      oneByOne([undefined, "x"], async (axis) =>
        thrice(await paint({ prompt, seed: 121 + i, ...(axis === undefined ? {} : { seamless: axis }) })),
      ),
    );
    return { labels: ["ordinary", "seamless"], rows };
  },
};

const attention = {
  id: "attention",
  title: "What acts where",
  text: "Heat maps of words and of image prompts, from the UNet's attention while the picture was made.",
  link: "seeing.md",
  code: `const { images, attention } = await pipeline.generate({
  prompt: "a small penguin on the left on a yellow background",
  imagePrompts: [{ image: "penguin.png", scale: 0.5 }],
  attentionMaps: {},
});
await (await attention[0].text.word("penguin").overlay()).toFile("penguin.png");
await (await attention[0].imagePrompts[0].map.overlay()).toFile("reference.png");`,
  async make({ pipeline }) {
    const calls = [
      ["a small penguin on the left on a yellow background", "penguin", "left", "classic"],
      ["a rocket on a purple background", "rocket", "purple", "flat"],
    ];
    const rows = await oneByOne(calls, async ([prompt, subject, word, style], i) => {
      const image = await picture(style, subject);
      const options = { prompt, imagePrompts: [{ image, scale: 0.5 }], seed: 131 + i, steps: 30, guidance: 4 };
      const { images, attention } = await pipeline.generate({ ...options, attentionMaps: {} });
      const [{ text, imagePrompts }] = attention;
      const overlays = [text.word(subject), text.word(word), imagePrompts[0].map].map((map) => map.overlay());
      return [image, images[0], ...(await Promise.all(overlays))];
    });
    return { labels: ["image prompt", "the picture", "subject's word", "left; purple", "the image prompt"], rows };
  },
};

const maps = {
  id: "preprocessors",
  title: "Preprocessors",
  text: "These maps need no network.",
  link: "pictures.md#preprocess-a-picture",
  code: `const edges = await preprocess("photo.png", { canny: { low: 50, high: 150 } });
await edges.toFile("edges.png");`,
  async make() {
    const kinds = ["canny", "scribble", "grey", "invert", "blur", "tile"];
    const rows = await oneByOne(["owl", "pizza"], async (name) => {
      const image = await picture("classic", name, "#fafade");
      return [image, ...(await oneByOne(kinds, (kind) => preprocess(image, kind)))];
    });
    return { labels: ["picture", ...kinds], rows };
  },
};

/** @param styleScale the dictionary that brings the style alone */
export const sections = (styleScale) => [
  structure("controlnet", 0, "ControlNet", 4),
  structure("t2i-adapter", 1, "T2I-Adapter", 2.5),
  scales,
  masks,
  regions,
  blocks(styleScale),
  several,
  windows,
  strengths,
  inpainting,
  variations,
  seamless,
  attention,
  maps,
];
