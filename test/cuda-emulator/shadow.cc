#include "shadow.h"

namespace cuda_emulator {
namespace {

bool is_thread(Who who) { return who > 0 && who < copying; }
bool is_copy(Who who) { return who > copying && who < several_lanes; }
bool is_lanes(Who who) { return who >= several_lanes && who < several_warps; }
uint16_t warp_of(Who who) { return is_lanes(who) ? who - several_lanes : (who - 1) / 32; }

}  // namespace

bool ShadowRules::ordered(uint32_t when, Who who, uint16_t turn) const {
  if (when < first) return true;
  if (when < clock.block_began) return false;
  if (when < clock.now && who != several_blocks) return true;
  if (who == actor.who) return true;
  return (is_thread(who) || is_lanes(who)) && warp_of(who) == actor.warp && turn != actor.turn;
}

bool ShadowRules::copy_under_way(const Shadow& byte) const {
  return byte.written >= oldest && is_copy(byte.writer);
}

void ShadowRules::note_read(Shadow& byte) const {
  const bool other_block =
      byte.read >= first && (byte.read < clock.block_began || byte.reader == several_blocks);
  if (other_block) {
    byte.reader = several_blocks;
  } else if (byte.read == clock.now && byte.reader != actor.who) {
    const bool of_warp =
        (is_thread(byte.reader) || is_lanes(byte.reader)) && warp_of(byte.reader) == actor.warp;
    if (!of_warp)
      byte.reader = several_warps;
    else
      byte.reader = byte.read_turn == actor.turn ? static_cast<Who>(several_lanes + actor.warp) : actor.who;
  } else {
    byte.reader = actor.who;
  }
  byte.read = clock.now;
  byte.read_turn = actor.turn;
}

void ShadowRules::note_write(Shadow& byte, Who who) const {
  byte.writer = who;
  byte.written = clock.now;
  byte.write_turn = actor.turn;
}

const char* ShadowRules::read(Shadow& byte) const {
  const char* wrong = nullptr;
  if (byte.written < oldest)
    wrong = "a byte read before it was written";
  else if (copy_under_way(byte))
    wrong = "a byte read while a copy to it is under way";
  else if (!ordered(byte.written, byte.writer, byte.write_turn))
    wrong =
        byte.written < clock.block_began ? "race: read after another block's write" : "race: read after write";
  note_read(byte);
  return wrong;
}

const char* ShadowRules::may_write(const Shadow& byte) const {
  if (copy_under_way(byte)) return "a byte written while a copy to it is under way";
  if (!ordered(byte.written, byte.writer, byte.write_turn))
    return byte.written < clock.block_began ? "race: write after another block's write"
                                            : "race: write after write";
  if (!ordered(byte.read, byte.reader, byte.read_turn))
    return byte.reader == several_blocks || byte.read < clock.block_began
               ? "race: write after another block's read"
               : "race: write after read";
  return nullptr;
}

const char* ShadowRules::write(Shadow& byte) const {
  const char* wrong = may_write(byte);
  note_write(byte, actor.who);
  return wrong;
}

const char* ShadowRules::update_atomically(Shadow& byte) const {
  const char* wrong = nullptr;
  if (byte.written < oldest)
    wrong = "a byte read before it was written";
  else if (byte.writer != atomically || !ordered(byte.read, byte.reader, byte.read_turn))
    wrong = may_write(byte);
  note_write(byte, atomically);
  return wrong;
}

const char* ShadowRules::start_copy(Shadow& byte) const {
  const char* wrong = may_write(byte);
  note_write(byte, static_cast<Who>(actor.who + copying));
  return wrong;
}

void ShadowRules::land(Shadow& byte) const { note_write(byte, actor.who); }

}  // namespace cuda_emulator
