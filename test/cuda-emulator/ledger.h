// Which memory is taken, and which was and is no more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

namespace cuda_emulator {

struct Span {
  uintptr_t begin = 0, end = 0;
  bool has(uintptr_t at) const { return at >= begin && at < end; }
  bool meets(const Span& other) const { return begin < other.end && other.begin < end; }
};

inline Span span_of(const void* address, uint64_t bytes) {
  const auto begin = reinterpret_cast<uintptr_t>(address);
  return {begin, begin + bytes};
}

class Ledger {
 public:
  void take(const Span& span, const void* owner);
  // What it was; empty for what was not taken.
  Span give(const void* address);
  bool holds(const Span& span) const;
  // Within what was given back, and not taken since.
  bool was_given(uintptr_t address) const;
  size_t count(const void* owner) const;
  // Of the memory that begins there; empty: none does.
  Span find(const void* address) const;

 private:
  struct Entry {
    uintptr_t end;
    const void* owner;
  };
  std::map<uintptr_t, Entry> taken_;
  std::map<uintptr_t, uintptr_t> given_;
};

}  // namespace cuda_emulator
