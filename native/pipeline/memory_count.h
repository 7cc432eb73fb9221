// Adds up what a call will hold, part after part, before it runs: over all memory, and on each device apart.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>

#include "graph/program.h"

namespace ipa {

// Bytes that are held at once, and the arena that programs take turns in.
class HeldAtOnce {
 public:
  void use_arena(size_t bytes) { arena_ = std::max(arena_, bytes); }
  void passing(size_t bytes) { peak_ = std::max(peak_, arena_ + held_ + bytes); }
  void staying(size_t bytes) {
    passing(bytes);
    held_ += bytes;
  }
  size_t arena() const { return arena_; }
  size_t peak() const { return peak_; }

 private:
  size_t arena_ = 0, held_ = 0, peak_ = 0;
};

class MemoryCount {
 public:
  // A program that runs and goes; `beside`: bytes of the host that are held for as long.
  void passing(const Program& program, size_t beside = 0) {
    const size_t visiting = staying_.count(params_of(program)) ? 0 : params_of(program)->visiting_bytes();
    all_.use_arena(program.arena_bytes());
    all_.passing(program.own_bytes() + visiting + beside);
    if (HeldAtOnce* device = device_of(program.space())) {
      device->use_arena(program.arena_bytes());
      device->passing(program.own_bytes() + visiting);
    }
  }
  // One that stays until the call ends.
  void staying(const Program& program, size_t beside = 0) {
    passing(program, beside);
    const size_t visiting =
        staying_.insert(params_of(program)).second ? params_of(program)->visiting_bytes() : 0;
    staying(program.own_bytes() + visiting, program.space());
  }
  void passing(size_t bytes) { all_.passing(bytes); }
  // `space`: where they are.
  void staying(size_t bytes, const MemorySpace& space = host_memory()) {
    all_.staying(bytes);
    if (HeldAtOnce* device = device_of(space)) device->staying(bytes);
  }

  // The arena that the programs take turns in.
  size_t arena() const { return all_.arena(); }
  size_t peak() const { return all_.peak(); }
  // Of a device's memory; 0 for the host's.
  size_t peak_on(const MemorySpace& space) const {
    const auto found = devices_.find(&space);
    return found == devices_.end() ? 0 : found->second.peak();
  }

 private:
  static const ParamSet* params_of(const Program& program) { return program.plan().graph().params(); }
  HeldAtOnce* device_of(const MemorySpace& space) { return space.is_host() ? nullptr : &devices_[&space]; }

  HeldAtOnce all_;
  std::set<const ParamSet*> staying_;  // whose weights a staying program has brought, where they rest
  std::map<const MemorySpace*, HeldAtOnce> devices_;
};

}  // namespace ipa
