// Adds up what a call will hold, part after part, before it runs.
#pragma once

#include <algorithm>
#include <cstddef>

#include "graph/program.h"

namespace ipa {

class MemoryCount {
 public:
  // A program that runs and goes; `beside`: bytes that are held for as long.
  void passing(const Program& program, size_t beside = 0) {
    arena_ = std::max(arena_, program.arena_bytes());
    passing(program.own_bytes() + beside);
  }
  // One that stays until the call ends.
  void staying(const Program& program, size_t beside = 0) {
    passing(program, beside);
    held_ += program.own_bytes();
  }
  void passing(size_t bytes) { peak_ = std::max(peak_, arena_ + held_ + bytes); }
  void staying(size_t bytes) {
    passing(bytes);
    held_ += bytes;
  }
  // The arena that the programs take turns in.
  size_t arena() const { return arena_; }
  size_t peak() const { return peak_; }

 private:
  size_t arena_ = 0, held_ = 0, peak_ = 0;
};

}  // namespace ipa
