// Tests compare with the CPU. Those of GPUs name a plugin themselves.
process.env.NODE_IP_ADAPTER_CUDA ??= "0";

/** @type {import("jest").Config} */
module.exports = {
  testEnvironment: "node",
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  // Packages of the repository are not installed ones, though jest would find them by their names.
  modulePathIgnorePatterns: ["<rootDir>/build/", "<rootDir>/dist/", "<rootDir>/packages/"],
  transform: {
    "^.+\\.ts$": [
      "@swc/jest",
      { jsc: { parser: { syntax: "typescript" }, target: "es2023" }, module: { type: "commonjs" } },
    ],
  },
  testTimeout: 60000,
};
