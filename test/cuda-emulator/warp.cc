#include "warp.h"

#include "report.h"
#include "scheduler.h"

namespace cuda_emulator {
namespace {

void shuffle(Warp& warp, uint32_t lanes) {
  for (int lane = 0; lane < warp_size; ++lane)
    if (lanes >> lane & 1) warp.received[lane] = warp.values[warp.from[lane]];
  for (int lane = 0; lane < warp_size; ++lane) {
    if (!(lanes >> lane & 1) || (lanes >> warp.from[lane] & 1)) continue;
    warp.received[lane] = ~uint64_t{0};
    report("a shuffle from a lane that takes no part", &warp.threads[lane], nullptr);
  }
}

void ballot(Warp& warp, uint32_t lanes) {
  uint32_t votes = 0;
  for (int lane = 0; lane < warp_size; ++lane)
    if (lanes >> lane & 1) votes |= static_cast<uint32_t>(warp.values[lane] != 0) << lane;
  for (int lane = 0; lane < warp_size; ++lane)
    if (lanes >> lane & 1) warp.ballot[lane] = votes;
}

int find_group(Warp& warp, uint32_t mask) {
  for (int i = 0; i < warp.open_groups; ++i)
    if (warp.groups[i].mask == mask) return i;
  warp.groups[warp.open_groups] = {mask, 0, nullptr};
  return warp.open_groups++;
}

}  // namespace

const Meeting meeting_sync{"__syncwarp", nullptr, true};
const Meeting meeting_shuffle{"a shuffle", shuffle, false};
const Meeting meeting_ballot{"a ballot", ballot, false};

void finish_group(Warp& warp, int group) {
  const Group finished = warp.groups[group];
  warp.groups[group] = warp.groups[--warp.open_groups];
  if (finished.meeting->finish) finished.meeting->finish(warp, finished.arrived);
  if (finished.meeting->orders_memory && finished.arrived == (warp.exists & ~warp.done)) ++warp.epoch;
  make_ready(warp, finished.arrived);
}

void meet_warp(uint32_t mask, const Meeting& meeting) {
  Thread& me = *running;
  Warp& warp = *me.warp;
  mask &= warp.exists;
  if (!(mask & me.bit)) {
    report("a meeting of lanes whose mask leaves out the lane itself", &me, meeting.name);
    mask |= me.bit;
  }
  const int at = find_group(warp, mask);
  Group& group = warp.groups[at];
  if (!group.meeting) group.meeting = &meeting;
  if (group.meeting != &meeting) report("lanes of a warp meet for different things", &me, meeting.name);
  group.arrived |= me.bit;
  if (group.arrived != mask) return give_way();
  finish_group(warp, at);
  warp.ready &= ~me.bit;
}

}  // namespace cuda_emulator
