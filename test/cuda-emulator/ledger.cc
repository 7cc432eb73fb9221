#include "ledger.h"

#include <iterator>

namespace cuda_emulator {

void Ledger::take(const Span& span, const void* owner) {
  taken_[span.begin] = {span.end, owner};
  auto old = given_.lower_bound(span.begin);
  if (old != given_.begin() && std::prev(old)->second > span.begin) --old;
  while (old != given_.end() && old->first < span.end) old = given_.erase(old);
}

Span Ledger::find(const void* address) const {
  const auto entry = taken_.find(reinterpret_cast<uintptr_t>(address));
  return entry == taken_.end() ? Span{} : Span{entry->first, entry->second.end};
}

Span Ledger::give(const void* address) {
  const Span span = find(address);
  if (span.end == 0) return span;
  taken_.erase(span.begin);
  given_[span.begin] = span.end;
  return span;
}

bool Ledger::holds(const Span& span) const {
  auto entry = taken_.upper_bound(span.begin);
  return entry != taken_.begin() && (--entry)->second.end >= span.end;
}

bool Ledger::was_given(uintptr_t address) const {
  auto old = given_.upper_bound(address);
  return old != given_.begin() && (--old)->second > address;
}

size_t Ledger::count(const void* owner) const {
  size_t count = 0;
  for (const auto& [begin, entry] : taken_) count += entry.owner == owner;
  return count;
}

}  // namespace cuda_emulator
