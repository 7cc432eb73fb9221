/** Which files of a repository are fetched, what is a name on the hub, and what patterns mean: all without a network. */
import { chooseFiles, chooseReadable, declaredParts } from "../lib/hub/files";
import { globToRegExp } from "../lib/hub/glob";
import { MODEL_LAYOUT } from "../lib/hub/layout";
import { parseHubName } from "../lib/hub/name";
import { cacheFolder, endpoint, offlineReason } from "../lib/hub/settings";
import { loadAddon } from "../lib/native/load";

const networks = (folder: string, ...weights: string[]): string[] =>
  ["config.json", ...weights].map((file) => `${folder}/${file}`);

/** As stable-diffusion-v1-5/stable-diffusion-v1-5 is laid out, with what other repositories have beside. */
const SD15 = [
  ".gitattributes",
  "README.md",
  "model_index.json",
  "v1-5-pruned.ckpt",
  "v1-5-pruned.safetensors",
  "v1-5-pruned-emaonly.safetensors",
  "v1-inference.yaml",
  "feature_extractor/preprocessor_config.json",
  "scheduler/scheduler_config.json",
  ...networks(
    "safety_checker",
    "model.safetensors",
    "model.fp16.safetensors",
    "pytorch_model.bin",
    "pytorch_model.fp16.bin",
  ),
  ...networks(
    "text_encoder",
    "model.safetensors",
    "model.fp16.safetensors",
    "pytorch_model.bin",
    "flax_model.msgpack",
    "model.onnx",
    "openvino_model.xml",
    "openvino_model.bin",
  ),
  "tokenizer/merges.txt",
  "tokenizer/special_tokens_map.json",
  "tokenizer/tokenizer_config.json",
  "tokenizer/vocab.json",
  ...networks(
    "unet",
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.fp16.safetensors",
    "diffusion_pytorch_model.non_ema.safetensors",
    "diffusion_pytorch_model.bin",
    "diffusion_flax_model.msgpack",
    "model.onnx",
  ),
  ...networks(
    "vae",
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.fp16.bin",
    "diffusion_pytorch_model.bin",
  ),
  "vae_encoder/model.onnx",
  "vae_decoder/openvino_model.bin",
];
const READ = [
  "feature_extractor/preprocessor_config.json",
  "model_index.json",
  "scheduler/scheduler_config.json",
  "text_encoder/config.json",
  "text_encoder/model.safetensors",
  "tokenizer/merges.txt",
  "tokenizer/special_tokens_map.json",
  "tokenizer/tokenizer_config.json",
  "tokenizer/vocab.json",
  "unet/config.json",
  "unet/diffusion_pytorch_model.safetensors",
  "vae/config.json",
  "vae/diffusion_pytorch_model.safetensors",
];
const without = (...files: string[]): string[] => SD15.filter((file) => !files.includes(file));
const replaced = (old: string, ...files: string[]): string[] =>
  [...READ.filter((file) => file !== old), ...files].sort();
const model = (
  files: string[],
  ...rest: Parameters<typeof chooseFiles> extends [unknown, unknown, unknown, ...infer Rest] ? Rest : never
): { files: string[]; missing: string[] } => {
  const { files: chosen, missing } = chooseFiles(files, "", "model", ...rest);
  return { files: chosen.sort(), missing };
};

test("the engine looks for the same files", () => expect(loadAddon().modelLayout()).toEqual(MODEL_LAYOUT));

describe("files of a model", () => {
  const unet = "unet/diffusion_pytorch_model.safetensors";

  test("what the engine reads and nothing else", () => expect(model(SD15)).toEqual({ files: READ, missing: [] }));

  test.each<[string, string[], string, string[]]>([
    ["f16 when f32 is absent", without(unet), unet, ["unet/diffusion_pytorch_model.fp16.safetensors"]],
    [
      "PyTorch when there are no safetensors",
      without(unet, "unet/diffusion_pytorch_model.fp16.safetensors"),
      unet,
      ["unet/diffusion_pytorch_model.bin"],
    ],
    [
      "f16 in PyTorch as the last",
      without("vae/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.bin"),
      "vae/diffusion_pytorch_model.safetensors",
      ["vae/diffusion_pytorch_model.fp16.bin"],
    ],
    [
      "the transformers' name of a PyTorch file",
      without("text_encoder/model.safetensors", "text_encoder/model.fp16.safetensors"),
      "text_encoder/model.safetensors",
      ["text_encoder/pytorch_model.bin"],
    ],
    [
      "shards with their index",
      [
        ...without(unet),
        "unet/diffusion_pytorch_model.safetensors.index.json",
        "unet/diffusion_pytorch_model-00001-of-00002.safetensors",
        "unet/diffusion_pytorch_model-00002-of-00002.safetensors",
      ],
      unet,
      [
        "unet/diffusion_pytorch_model.safetensors.index.json",
        "unet/diffusion_pytorch_model-00001-of-00002.safetensors",
        "unet/diffusion_pytorch_model-00002-of-00002.safetensors",
      ],
    ],
    [
      "shards in f16, not those in f32 whose index is absent",
      [
        ...without(unet, "unet/diffusion_pytorch_model.fp16.safetensors"),
        "unet/diffusion_pytorch_model.safetensors.index.fp16.json",
        "unet/diffusion_pytorch_model-00001-of-00001.safetensors",
        "unet/diffusion_pytorch_model.fp16-00001-of-00001.safetensors",
      ],
      unet,
      [
        "unet/diffusion_pytorch_model.safetensors.index.fp16.json",
        "unet/diffusion_pytorch_model.fp16-00001-of-00001.safetensors",
      ],
    ],
    ["tokenizer.json beside the others", [...SD15, "tokenizer/tokenizer.json"], "", ["tokenizer/tokenizer.json"]],
    ["added tokens", [...SD15, "tokenizer/added_tokens.json"], "", ["tokenizer/added_tokens.json"]],
    [
      "an image encoder of its own",
      [...SD15, ...networks("image_encoder", "model.safetensors", "pytorch_model.bin")],
      "",
      networks("image_encoder", "model.safetensors"),
    ],
    [
      "the second encoder of SDXL",
      [...SD15, ...networks("text_encoder_2", "model.safetensors"), "tokenizer_2/merges.txt", "tokenizer_2/vocab.json"],
      "",
      [...networks("text_encoder_2", "model.safetensors"), "tokenizer_2/merges.txt", "tokenizer_2/vocab.json"],
    ],
  ])("%s", (_name, files, old, others) =>
    expect(model(files)).toEqual({ files: replaced(old, ...others), missing: [] }),
  );

  test("of SDXL's refiner the second encoder, which is its only one", () => {
    const first = /^(text_encoder|tokenizer)\//;
    const second = SD15.filter((file) => first.test(file)).map((file) => file.replace("/", "_2/"));
    expect(model([...SD15.filter((file) => !first.test(file)), ...second])).toEqual({
      files: READ.map((file) => file.replace(first, "$1_2/")).sort(),
      missing: [],
    });
  });

  test("parts that come from elsewhere are left out", () => {
    expect(model(SD15, new Set(["unet", "vae"])).files).toEqual(READ.filter((file) => !/^(unet|vae)\//.test(file)));
    expect(model([...SD15, "image_encoder/config.json"], new Set(["image_encoder"]))).toEqual({
      files: READ,
      missing: [],
    });
  });

  test.each<[string, string[], string[]]>([
    ["weights", SD15.filter((file) => !file.startsWith("vae/diff")), ["vae/diffusion_pytorch_model.safetensors"]],
    ["a config", without("unet/config.json"), ["unet/config.json"]],
    ["a tokenizer", without("tokenizer/merges.txt"), ["tokenizer/merges.txt"]],
    ["the scheduler", without("scheduler/scheduler_config.json"), ["scheduler/scheduler_config.json"]],
    [
      "a shard",
      [
        ...without(unet),
        "unet/diffusion_pytorch_model.safetensors.index.json",
        "unet/diffusion_pytorch_model-00002-of-00003.safetensors",
      ],
      [
        "unet/diffusion_pytorch_model-00001-of-00003.safetensors",
        "unet/diffusion_pytorch_model-00003-of-00003.safetensors",
      ],
    ],
  ])("what is missing is named: %s", (_name, files, missing) => expect(model(files).missing).toEqual(missing));

  test("a part that model_index.json names is missed when the cache has nothing of it", () => {
    const index = {
      _class_name: "StableDiffusionXLPipeline",
      text_encoder_2: ["transformers", "CLIPTextModelWithProjection"],
      image_encoder: [null, null],
      feature_extractor: [null, null],
      force_zeros_for_empty_prompt: true,
    };
    expect(model(SD15, undefined, declaredParts(JSON.stringify(index))).missing).toEqual([
      "tokenizer_2/vocab.json",
      "tokenizer_2/merges.txt",
      "text_encoder_2/config.json",
      "text_encoder_2/model.safetensors",
    ]);
    expect(declaredParts("not JSON").size).toBe(0);
  });

  test("in a folder of the repository", () => {
    const nested = SD15.map((file) => `models/sd/${file}`);
    expect(chooseFiles(nested, "models/sd", "model").files.sort()).toEqual(READ.map((file) => `models/sd/${file}`));
    expect(chooseFiles(nested, "models/s", "model").missing).toContain("models/s/unet/config.json");
  });
});

test("a network's folder, a file, and whatever is there", () => {
  const encoder = [
    ...networks("models/image_encoder", "model.safetensors", "pytorch_model.bin"),
    "models/ip-adapter_sd15.bin",
    "models/ip-adapter_sd15.safetensors",
    "models/old.bin",
    "README.md",
  ];
  expect(chooseFiles(encoder, "models/image_encoder", "component")).toEqual({
    files: ["models/image_encoder/config.json", "models/image_encoder/model.safetensors"],
    missing: [],
  });
  expect(chooseFiles(encoder, "models/image_encoder/model.safetensors", "component").files).toEqual([
    "models/image_encoder/model.safetensors",
    "models/image_encoder/config.json",
  ]);
  expect(
    chooseFiles(["a/v.safetensors", "a/v.yaml", "a/w.yaml", "config.json"], "a/v.safetensors", "model").files,
  ).toEqual(["a/v.safetensors", "a/v.yaml"]);
  expect(chooseFiles(encoder, "models/ip-adapter_sd15.bin", "file")).toEqual({
    files: ["models/ip-adapter_sd15.bin"],
    missing: [],
  });
  expect(chooseFiles(encoder, "models/plus.safetensors", "any")).toEqual({
    files: [],
    missing: ["models/plus.safetensors"],
  });
  expect(chooseFiles(["config.json", "diffusion_pytorch_model.bin"], "", "any").files).toEqual([
    "config.json",
    "diffusion_pytorch_model.bin",
  ]);
  expect(chooseFiles(SD15, "", "any").files.sort()).toEqual(READ);
  expect(chooseFiles(encoder, "", "any").missing).toContain("config.json");
  expect(chooseReadable(encoder)).toEqual([
    ...networks("models/image_encoder", "model.safetensors"),
    "models/ip-adapter_sd15.safetensors",
    "models/old.bin",
  ]);
});

test.each<[string, { repo: string; revision: string; path: string } | undefined]>([
  ["owner/name", { repo: "owner/name", revision: "main", path: "" }],
  [
    "stable-diffusion-v1-5/stable-diffusion-v1.5_x",
    { repo: "stable-diffusion-v1-5/stable-diffusion-v1.5_x", revision: "main", path: "" },
  ],
  ["owner/name@fp16", { repo: "owner/name", revision: "fp16", path: "" }],
  ["owner/name@refs/pr/1", { repo: "owner/name", revision: "refs/pr/1", path: "" }],
  ["owner/name@refs/pr/1/unet", { repo: "owner/name", revision: "refs/pr/1", path: "unet" }],
  ["owner/name@v1.0/a/b.safetensors", { repo: "owner/name", revision: "v1.0", path: "a/b.safetensors" }],
  [
    "h94/IP-Adapter/models/ip-adapter_sd15.safetensors",
    { repo: "h94/IP-Adapter", revision: "main", path: "models/ip-adapter_sd15.safetensors" },
  ],
  ["name", undefined],
  ["models/adapter.safetensors", undefined],
  ["/owner/name", undefined],
  ["./owner/name", undefined],
  ["../owner/name", undefined],
  ["owner/name/", undefined],
  ["owner//name", undefined],
  ["owner/name/../other", undefined],
  ["owner/name/a\\b", undefined],
  ["C:\\owner\\name", undefined],
  ["C:/owner/name", undefined],
  ["owner/na me", undefined],
  ["owner/na--me", undefined],
  ["owner/name@", undefined],
  ["owner/name@..", undefined],
  ["owner/name@a/../../b", undefined],
  ["-owner/name", undefined],
  ["owner/name\0", undefined],
])("name on the hub: %j", (text, name) => expect(parseHubName(text)).toEqual(name));

const PATHS = [
  "unet/model.safetensors",
  "a/b/c.safetensors",
  "unet/config.json",
  "a.txt",
  "b.txt",
  "c.txt",
  "].txt",
  "axb",
  "a.b",
  "a[",
  "x.index.json",
  "(x)+",
  "unet",
  "a\\b",
  "é.txt",
];
// Python 3.11: [path for path in PATHS if fnmatch.fnmatchcase(path, pattern)], with the * that huggingface_hub puts behind a slash
test.each<[string, string[]]>([
  ["*.safetensors", ["unet/model.safetensors", "a/b/c.safetensors"]],
  ["unet/*", ["unet/model.safetensors", "unet/config.json"]],
  ["unet/", ["unet/model.safetensors", "unet/config.json"]],
  ["*", PATHS],
  ["?.txt", ["a.txt", "b.txt", "c.txt", "].txt", "é.txt"]],
  ["[ab].txt", ["a.txt", "b.txt"]],
  ["[!ab].txt", ["c.txt", "].txt", "é.txt"]],
  ["[]x].txt", ["].txt"]],
  ["[a-c]*", ["a/b/c.safetensors", "a.txt", "b.txt", "c.txt", "axb", "a.b", "a[", "a\\b"]],
  ["a.b", ["a.b"]],
  ["a[", ["a["]],
  ["*.index.json", ["x.index.json"]],
  ["(x)+", ["(x)+"]],
  ["a\\b", ["a\\b"]],
  ["*e*e*s", ["unet/model.safetensors", "a/b/c.safetensors"]],
  ["*/*.*s*", ["unet/model.safetensors", "a/b/c.safetensors", "unet/config.json"]],
  ["a*b*", ["a/b/c.safetensors", "axb", "a.b", "a\\b"]],
  ["**n*?e*t**", ["unet/model.safetensors"]],
  ["*1*", []],
  ["*.t*t", ["a.txt", "b.txt", "c.txt", "].txt", "é.txt"]],
])("pattern %s", (pattern, matched) =>
  expect(PATHS.filter((path) => globToRegExp(pattern).test(path))).toEqual(matched),
);

test("the environment variables of huggingface_hub", () => {
  expect(cacheFolder({ HF_HUB_CACHE: "/c", HF_HOME: "/h" })).toBe("/c");
  expect(cacheFolder({ HF_HOME: "/h", XDG_CACHE_HOME: "/x" })).toBe("/h/hub");
  expect(cacheFolder({ HF_HUB_CACHE: "", XDG_CACHE_HOME: "/x" })).toBe("/x/huggingface/hub");
  expect(cacheFolder({ HF_HOME: "~/h" })).not.toContain("~");
  expect(cacheFolder({})).toMatch(/\.cache\/huggingface\/hub$/);
  expect(endpoint({ HF_ENDPOINT: "https://mirror.example/hub/" })).toBe("https://mirror.example/hub");
  expect(() => endpoint({ HF_ENDPOINT: "mirror.example" })).toThrow("HF_ENDPOINT: expected a URL");
  expect([
    offlineReason(undefined, {}),
    offlineReason(undefined, { HF_HUB_OFFLINE: "0" }),
    offlineReason(undefined, { HF_HUB_OFFLINE: "1" }),
    offlineReason(false, { HF_HUB_OFFLINE: "1" }),
    offlineReason(true, {}),
  ]).toEqual([undefined, undefined, "HF_HUB_OFFLINE", undefined, "the option offline"]);
});
