// `npm run gallery`: paints docs/gallery.md and docs/images/gallery/ with the shipped model and its controls. Fixed seeds, same bits every
// time on one instruction set. Needs `npm run build` and the development packages.
import fs from "node:fs";
import path from "node:path";
import { Pipeline } from "node-ip-adapter";
import prettier from "prettier";

import { sections } from "./gallery-sections.mjs";
import { ROOT, sheet } from "./sheets.mjs";

const { scale } = JSON.parse(fs.readFileSync(path.join(ROOT, "tools/mini/style-scale.json"), "utf8"));
const pipeline = await Pipeline.load({
  adapters: ["ip-adapter", "ip-adapter-plus"].map((name) => path.join(ROOT, "models/mini", `${name}.safetensors`)),
  controls: ["controlnet-edges", "t2i-adapter-edges"].map((name) => path.join(ROOT, "models/mini-controls", name)),
});
const paint = async (options) => (await pipeline.generate({ steps: 30, guidance: 4, ...options })).images[0];

const parts = [
  `# Gallery

Each sheet shows one way to steer a picture. All of them are painted by the [small model in the package](../models/mini/README.md), whose
world is emoji. The same options work on every model that [loads](models.md). \`npm run gallery\` paints this page anew.`,
];
fs.mkdirSync(path.join(ROOT, "docs/images/gallery"), { recursive: true });
for (const { id, title, text, link, code, make } of sections(scale)) {
  const { labels, rows } = await make({ paint, pipeline });
  await sheet(`gallery/${id}.png`, labels, rows);
  parts.push(`## ${title}

${text} [More](${link}).

![${labels.join(", ")}](images/gallery/${id}.png)

\`\`\`js
${code}
\`\`\``);
}
await pipeline.dispose();
const page = path.join(ROOT, "docs/gallery.md");
const config = await prettier.resolveConfig(page);
fs.writeFileSync(page, await prettier.format(`${parts.join("\n\n")}\n`, { ...config, filepath: page }));
