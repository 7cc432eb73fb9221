{
  # For node-gyp and editors in a checkout. The published package leaves this file out: with it, Yarn and pnpm
  # would compile where a prebuilt addon is at hand.
  "includes": ["native/binding.gyp"]
}
