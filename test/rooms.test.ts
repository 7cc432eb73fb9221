/** The rooms of the house: who may include whom, and that nothing goes in circles. docs/architecture.md says what lives where. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, posix, relative, resolve } from "node:path";

const root = resolve(__dirname, "..");

type Graph = Map<string, Set<string>>;

function filesUnder(folder: string, endings: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && endings.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll("\\", "/"));
}

function graphOf(files: readonly string[], name: (file: string) => string, uses: (file: string) => string[]): Graph {
  const graph: Graph = new Map();
  for (const file of files) {
    const edges = graph.get(name(file)) ?? new Set();
    for (const used of uses(file)) if (name(used) !== name(file)) edges.add(name(used));
    graph.set(name(file), edges);
  }
  return graph;
}

/** A way that ends where it began, or nothing. */
function findCircle(graph: Graph): string[] {
  const done = new Set<string>();
  const visit = (node: string, path: string[]): string[] => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node];
    if (done.has(node)) return [];
    for (const next of graph.get(node) ?? []) {
      const circle = visit(next, [...path, node]);
      if (circle.length > 0) return circle;
    }
    done.add(node);
    return [];
  };
  for (const node of graph.keys()) {
    const circle = visit(node, []);
    if (circle.length > 0) return circle;
  }
  return [];
}

const native = filesUnder("native", /\.(?:cc|h)$/).map((file) => file.slice("native/".length));
const known = new Set(native);
const included = (file: string): string[] =>
  [...readFileSync(join(root, "native", file), "utf8").matchAll(/^#include "([^"]+)"/gm)]
    .map(([, name = ""]) => name)
    .filter((name) => known.has(name));
const lib = filesUnder("lib", /\.ts$/);
const imported = (file: string): string[] =>
  [...readFileSync(join(root, file), "utf8").matchAll(/(?:from|import\()\s*"(\.[^"]*)"/g)]
    .map(([, name = ""]) => posix.join(dirname(file), name))
    .map((name) => [`${name}.ts`, `${name}/index.ts`, name].find((path) => existsSync(join(root, path))) ?? name)
    .filter((name) => name.endsWith(".ts"));

/** A header and its source are one. */
const unitOf = (file: string): string => file.replace(/\.(?:cc|h)$/, "");

/** What each room may include besides itself and base. */
const MAY_USE: Record<string, readonly string[]> = {
  base: [],
  graph: [],
  image: [],
  schedulers: [],
  weights: [],
  "weights/names": ["weights"],
  "weights/formats": ["weights", "weights/names"],
  "weights/changes": ["weights", "weights/names", "weights/formats"],
  "weights/describe": ["weights", "weights/names", "weights/formats", "weights/changes", "configs"],
  "weights/write": ["weights", "weights/names", "weights/formats", "weights/describe"],
  configs: ["graph"],
  models: ["graph", "configs"],
  "cpu/kernels": ["graph"],
  "cpu/pack": ["graph", "cpu/kernels"],
  "cpu/launch": ["graph", "cpu/kernels", "cpu/pack"],
  "cpu/isa": ["cpu/kernels"],
  cpu: ["graph", "cpu/kernels", "cpu/pack", "cpu/launch", "cpu/isa"],
  "cuda/api": ["graph"],
  "cuda/backend": ["graph", "cuda/api"],
  "cuda/loader": ["cuda/api", "cuda/backend"],
  check: ["graph"],
  doctor: ["check", "graph", "cpu", "weights", "configs", "models"],
  "cuda/doctor": ["check", "graph", "cpu", "cuda/api", "cuda/backend", "cuda/loader"],
  "cuda/plugin": ["cuda/api"],
  pipeline: ["graph", "models", "schedulers", "image", "cpu", "weights", "configs"],
  binding: ["pipeline", "schedulers", "image", "cpu", "cuda", "weights", "doctor"],
};

const INNER = ["weights", "cpu", "cuda"];

/** The room a file is in: rooms within `weights`, `cpu` and `cuda` are told apart, formats and pipeline count as one. */
function roomOf(file: string): string {
  const [first = "", second = ""] = dirname(file).split("/");
  return INNER.includes(first) && second !== "" ? `${first}/${second}` : first;
}

const mayUse = (room: string, used: string): boolean => {
  if (used === room || used === "base") return true;
  const allowed = MAY_USE[room] ?? [];
  const outer = used.split("/")[0] ?? "";
  // Rooms of another part of the house are entered by its name, whichever of its inner rooms it is.
  return allowed.includes(used) || (room.split("/")[0] !== outer && allowed.includes(outer));
};

test("nothing in native/ includes itself by way of others", () => {
  expect(findCircle(graphOf(native, unitOf, included))).toEqual([]);
});

test("nothing in lib/ imports itself by way of others, types included", () => {
  expect(findCircle(graphOf(lib, (file) => file, imported))).toEqual([]);
});

test("the server uses the public API, the schema, and helpers without knowledge of pipelines", () => {
  const inside = lib.filter((file) => file.startsWith("lib/server/"));
  const may = /^lib\/(?:server\/|options\/|(?:abortable|index|errors|load-failure|require-package|package-root)\.ts$)/;
  expect(inside.length).toBeGreaterThan(10);
  expect(inside.flatMap((file) => imported(file).filter((used) => !may.test(used)))).toEqual([]);
});

test("every file of native/ is in a room of the table", () => {
  expect(native.filter((file) => !(roomOf(file) in MAY_USE))).toEqual([]);
});

test("rooms of native/ include only what they may", () => {
  const wrong = native.flatMap((file) =>
    included(file)
      .filter((used) => !mayUse(roomOf(file), roomOf(used)))
      .map((used) => `${file} includes ${used}`),
  );
  expect(wrong).toEqual([]);
});

test("only the binding knows JavaScript", () => {
  const knowing = native.filter((file) => /#include <napi\.h>/.test(readFileSync(join(root, "native", file), "utf8")));
  expect([...new Set(knowing.map(roomOf))]).toEqual(["binding"]);
});
