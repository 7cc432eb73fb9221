import js from "@eslint/js";
import tseslint from "typescript-eslint";

const node = Object.fromEntries(
  [
    "process",
    "console",
    "Buffer",
    "require",
    "module",
    "__dirname",
    "__filename",
    "URL",
    "setTimeout",
    "performance",
    "AbortController",
    "AbortSignal",
    "setInterval",
    "clearInterval",
    "clearTimeout",
    "setImmediate",
    "fetch",
    "FormData",
    "Blob",
    "structuredClone",
  ].map((name) => [name, "readonly"]),
);

export default tseslint.config(
  { ignores: ["dist/", "build/", "prebuilds/", "node_modules/", "native/", "coverage/", "third_party/", "docs/"] },
  js.configs.recommended,
  {
    files: ["lib/**/*.ts", "test/**/*.ts"],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { project: "./tsconfig.json" } },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/prefer-promise-reject-errors": "off",
      "@typescript-eslint/only-throw-error": "off",
      // Parts of the package and of Node that only some calls need, see lazily().
      "@typescript-eslint/no-require-imports": ["error", { allow: ["^\\.\\.?/", "^node:"] }],
    },
  },
  {
    files: ["test/**/*.ts"],
    rules: {
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-argument": "off",
    },
  },
  {
    // Only the compiler reads these, wrong calls included.
    files: ["test/types/**/*.ts"],
    rules: {
      "@typescript-eslint/no-unused-vars": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      "@typescript-eslint/no-unnecessary-type-parameters": "off",
    },
  },
  {
    files: ["**/*.{js,mjs,cjs}"],
    languageOptions: { globals: node },
  },
);
