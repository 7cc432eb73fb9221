// `npm run bench`: on the CPU (peers.mjs), or with --device on a GPU (cuda/main.mjs).
await import(process.argv.some((word) => /^--device(?:=|$)/.test(word)) ? "./cuda/main.mjs" : "./peers.mjs");
