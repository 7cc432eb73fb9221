/** native/sources.gypi is the one list of C++ files for every build: it must name each file once and nothing else. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";

const root = resolve(__dirname, "..");
const native = join(root, "native");
const FILE_KEYS = [
  "core_files",
  "x64_files",
  "arm64_files",
  "addon_files",
  "cuda_plugin_files",
  "test_files",
  "bench_files",
  "kernel_bench_files",
  "sensitivity_bench_files",
] as const;

const text = readFileSync(join(native, "sources.gypi"), "utf8");
const { variables } = JSON.parse(text) as { variables: Record<string, string[]> };
const listed = FILE_KEYS.flatMap((key) =>
  variables[key]!.map((entry) => ({ key, entry, file: resolve(native, entry) })),
);

const posix = (file: string): string => relative(root, file).split(sep).join("/");

/** Every .cc file below a folder of the repository, as paths from its root. */
function compiled(folder: string): string[] {
  const entries = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
  return entries
    .filter((entry) => entry.endsWith(".cc"))
    .map((entry) => posix(join(root, folder, entry)))
    .sort();
}

test("has only the keys that the builds read", () => {
  expect(Object.keys(variables).sort()).toEqual(
    [...FILE_KEYS, "addon_defines", "core_include_dirs", "unix_cflags"].sort(),
  );
});

test("lists no file twice", () => {
  const files = listed.map(({ file }) => posix(file));
  expect(files.filter((file, i) => files.indexOf(file) !== i)).toEqual([]);
});

test("lists only files that exist, with paths relative to native/", () => {
  expect(listed.filter(({ file }) => !existsSync(file)).map(({ key, entry }) => `${key}: ${entry}`)).toEqual([]);
});

test("lists every .cc file under native/ for the core, an architecture, the addon or the CUDA plugin", () => {
  const ours = listed
    .filter(({ key }) => key !== "test_files" && !key.endsWith("bench_files"))
    .map(({ file }) => posix(file))
    .filter((file) => file.endsWith(".cc"));
  expect(ours.sort()).toEqual(compiled("native"));
});

test("lists every .cc file under test/native/ for the tests", () => {
  const tests = listed.filter(({ key }) => key === "test_files").map(({ file }) => posix(file));
  expect(tests.sort()).toEqual(compiled("test/native"));
});

test.each([
  ["the addon", (file: string) => file.startsWith("native/binding/"), "addon_files"],
  ["the CUDA plugin", (file: string) => file.startsWith("native/cuda/plugin/"), "cuda_plugin_files"],
  ["the tests", (file: string) => file.startsWith("test/native/"), "test_files"],
])("keeps the sources of %s in their own list", (_what, belongs, wanted) => {
  expect(listed.filter(({ key, file }) => belongs(posix(file)) !== (key === wanted)).map(({ entry }) => entry)).toEqual(
    [],
  );
});
