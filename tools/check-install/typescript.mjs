// A program in strict TypeScript, compiled by old and new compilers with the declarations of several Node versions. The
// declarations of dependencies are checked too (skipLibCheck is off), as in projects that do not know that option.
import fs from "node:fs";
import path from "node:path";
import { binOf, makeProject, node, npmInstall, writeJson } from "./harness.mjs";

const COMPILERS = ["5.2", "5.4", "5.6", "5.8", "5.9", "6.0"];
const NODES = ["20", "22", "24"];

const program = `
import { IpAdapterError, OptionError, Pipeline, type GenerateOptions, type ImageInput, type LoadOptions } from "node-ip-adapter";

export async function paint(image: ImageInput, load: LoadOptions = {}): Promise<Buffer | undefined> {
  const pipeline = await Pipeline.load(load);
  const options: GenerateOptions = { prompt: "a cat", imagePrompts: [{ image, scale: 0.5 }], steps: 2, onProgress: ({ step, total }) => console.log(step / total) };
  try {
    const { images } = await pipeline.generate(options);
    return await images[0]?.toBuffer("png");
  } catch (error) {
    if (error instanceof OptionError) console.error(error.option);
    else if (error instanceof IpAdapterError) console.error(error.code);
    return undefined;
  } finally {
    await pipeline.dispose();
  }
}
`;

/** A subpath, and a dependency that is there only for those who ask for it. */
const server = `
import Fastify from "fastify";
import { Pipeline } from "node-ip-adapter";
import { imageRoutes, serve } from "node-ip-adapter/server";

export async function start(): Promise<typeof serve> {
  const fastify = Fastify();
  await fastify.register(imageRoutes, { pipeline: await Pipeline.load() });
  return serve;
}
`;

const base = { strict: true, noEmit: true, skipLibCheck: false, target: "es2022", lib: ["es2022"], types: ["node"] };
const SETTINGS = {
  node10: { ...base, module: "commonjs", moduleResolution: "node10", esModuleInterop: true },
  node16: { ...base, module: "node16", moduleResolution: "node16" },
  bundler: { ...base, module: "esnext", moduleResolution: "bundler" },
  exact: {
    ...base,
    module: "nodenext",
    moduleResolution: "nodenext",
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    verbatimModuleSyntax: true,
  },
};

const projects = new Map();

/** One project for each @types/node, with all compilers under names of their own. */
function projectFor(context, types) {
  if (!projects.has(types)) {
    const folder = makeProject(context.temporary, `typescript-${types}`);
    for (const extension of ["ts", "mts", "cts"]) fs.writeFileSync(path.join(folder, `program.${extension}`), program);
    const compilers = COMPILERS.map((version) => `typescript-${version}@npm:typescript@~${version}.0`);
    projects.set(
      types,
      npmInstall(folder, [context.tarball, `@types/node@${types}`, ...compilers]).then(() => folder),
    );
  }
  return projects.get(types);
}

/** CommonJS files may not be written as ES modules when the syntax is to be kept. */
const FILES = {
  node10: ["program.ts"],
  node16: ["program.mts", "program.cts"],
  bundler: ["program.ts"],
  exact: ["program.mts"],
};

const compile = (version, types) => async (context) => {
  const folder = await projectFor(context, types);
  const tsc = path.join(folder, "node_modules", `typescript-${version}`, "bin/tsc");
  for (const [name, options] of Object.entries(SETTINGS)) {
    // TypeScript 6 warns of settings that it will lose.
    const compilerOptions = name === "node10" && version >= "6" ? { ...options, ignoreDeprecations: "6.0" } : options;
    const settings = path.join(folder, `tsconfig.${name}.json`);
    writeJson(settings, { compilerOptions, files: FILES[name] });
    await node([tsc, "-p", settings], { cwd: folder });
  }
};

/** Every way to resolve modules finds the subpath. The declarations of fastify are its own matter. */
async function subpath(context) {
  const folder = makeProject(context.temporary, "typescript-server");
  await npmInstall(folder, [context.tarball, "fastify@5", "@types/node@20", "typescript@~6.0.0"]);
  for (const extension of ["ts", "mts", "cts"]) fs.writeFileSync(path.join(folder, `server.${extension}`), server);
  for (const [name, options] of Object.entries(SETTINGS)) {
    const compilerOptions = { ...options, skipLibCheck: true, ignoreDeprecations: "6.0" };
    const files = FILES[name].map((file) => file.replace("program", "server"));
    writeJson(path.join(folder, "tsconfig.json"), { compilerOptions, files });
    await node([binOf(folder, "typescript", "tsc"), "-p", "."], { cwd: folder });
  }
}

export const cases = [
  ...COMPILERS.flatMap((version) =>
    NODES.map((types) => ({
      name: `TypeScript ${version}, @types/node ${types}`,
      quick: version === "5.2" && types === "20",
      run: compile(version, types),
    })),
  ),
  { name: "node-ip-adapter/server", run: subpath },
];
