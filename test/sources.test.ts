/** native/sources.gypi is the one list of C++ files for every build: it must name each file once and nothing else. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";

const root = resolve(__dirname, "..");
const native = join(root, "native");
/** Lists of what is neither the engine, the addon nor the plugin. */
const NOT_THE_ENGINE = /^test_files$|^cuda_(kernel|emulator|emulated_plugin|test)_files$|bench_files$/;

const FILE_KEYS = [
  "core_files",
  "x64_files",
  "arm64_files",
  "addon_files",
  "windows_addon_files",
  "cuda_plugin_files",
  "test_files",
  "cuda_kernel_files",
  "cuda_emulator_files",
  "cuda_emulated_plugin_files",
  "cuda_test_files",
  "bench_files",
  "kernel_bench_files",
  "sensitivity_bench_files",
  "tensors_bench_files",
  "launch_bench_files",
] as const;

const text = readFileSync(join(native, "sources.gypi"), "utf8");
const { variables } = JSON.parse(text) as { variables: Record<string, string[]> };
const listed = FILE_KEYS.flatMap((key) =>
  variables[key]!.map((entry) => ({ key, entry, file: resolve(native, entry) })),
);

const posix = (file: string): string => relative(root, file).split(sep).join("/");

/** Every file of some kinds below a folder of the repository, as paths from its root. */
function compiled(folder: string, kinds = [".cc"]): string[] {
  const entries = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
  return entries
    .filter((entry) => kinds.some((kind) => entry.endsWith(kind)))
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
    .filter(({ key }) => !NOT_THE_ENGINE.test(key))
    .map(({ file }) => posix(file))
    .filter((file) => file.endsWith(".cc"));
  expect(ours.sort()).toEqual(compiled("native"));
});

test("lists every .cc file under test/native/ for the tests", () => {
  const tests = listed
    .filter(({ key }) => key === "test_files" || key === "cuda_test_files")
    .map(({ file }) => posix(file));
  expect(tests.sort()).toEqual(compiled("test/native"));
});

test.each([
  ["cuda_kernel_files", "native/cuda/kernels", [".cu"]],
  ["cuda_emulator_files cuda_emulated_plugin_files", "test/cuda-emulator", [".cc", ".cu"]],
])("lists in %s every file to compile under %s", (lists, folder, kinds) => {
  const ours = listed.filter(({ key }) => lists.split(" ").includes(key)).map(({ file }) => posix(file));
  expect(ours.sort()).toEqual(compiled(folder, kinds));
});

test("lists in cuda_test_files only tests named after CUDA", () => {
  const tests = listed.filter(({ key }) => key === "cuda_test_files").map(({ file }) => posix(file));
  expect(tests.filter((file) => !file.startsWith("test/native/cuda_"))).toEqual([]);
});

test.each([
  ["the addon", (file: string) => file.startsWith("native/binding/"), "addon_files windows_addon_files"],
  ["the CUDA plugin", (file: string) => file.startsWith("native/cuda/plugin/"), "cuda_plugin_files"],
  ["the tests", (file: string) => file.startsWith("test/native/"), "test_files cuda_test_files"],
])("keeps the sources of %s in their own list", (_what, belongs, wanted) => {
  const lists = wanted.split(" ");
  const elsewhere = listed.filter(({ key, file }) => belongs(posix(file)) !== lists.includes(key));
  expect(elsewhere.map(({ entry }) => entry)).toEqual([]);
});
