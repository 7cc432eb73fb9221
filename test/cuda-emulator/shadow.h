// What is known of a byte of the emulated device's memory: its last store and load.
#pragma once

#include <cstdint>

namespace cuda_emulator {

// Time counts barriers: of all blocks of all launches, one after the other.
struct Clock {
  uint32_t now = 1;           // what the host does happens at 1
  uint32_t launch_began = 2;  // what was before is ordered
  uint32_t block_began = 2;   // between the two: other blocks of the launch
};

// Who: 1 + the thread, or one of these.
using Who = uint16_t;
constexpr Who nobody = 0;
constexpr Who copying = 0x2000;        // added to a thread: its copy is under way
constexpr Who several_lanes = 0x4000;  // added to a warp
constexpr Who several_warps = 0x8000, several_blocks = 0x8001, atomically = 0x8002, host = 0x8003;

struct Shadow {
  uint32_t written = 0, read = 0;          // when; 0: never
  Who writer = nobody, reader = nobody;    // a writer who is nobody: the byte is not allocated
  uint16_t write_turn = 0, read_turn = 0;  // the warp's, since the last barrier
};

// The thread at work, as shadows know it.
struct Actor {
  Who who;
  uint16_t warp;
  uint16_t turn;
};

// Updates the shadow of a byte. Null, or what is wrong. `first`: the time from which on other accesses may be unordered;
// `oldest`: a byte last written before that has not been written at all.
struct ShadowRules {
  const Clock& clock;
  Actor actor;
  uint32_t first, oldest;

  const char* read(Shadow& byte) const;
  const char* write(Shadow& byte) const;
  const char* update_atomically(Shadow& byte) const;
  const char* start_copy(Shadow& byte) const;
  void land(Shadow& byte) const;

 private:
  bool ordered(uint32_t when, Who who, uint16_t turn) const;
  bool copy_under_way(const Shadow& byte) const;
  const char* may_write(const Shadow& byte) const;
  void note_read(Shadow& byte) const;
  void note_write(Shadow& byte, Who who) const;
};

}  // namespace cuda_emulator
