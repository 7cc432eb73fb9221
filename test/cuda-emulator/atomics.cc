#include "checks.h"
#include "cuda_intrinsics.h"
#include "report.h"

namespace cuda_emulator {
namespace {

template <class T, class Update>
T update(T* at, const Update& change) {
  if (reinterpret_cast<uintptr_t>(at) % sizeof(T)) fault("a misaligned access", *running, at);
  if (checking) check_access(at, sizeof(T), Access::atomic);
  T before;
  std::memcpy(&before, at, sizeof(T));
  const T after = change(before);
  std::memcpy(at, &after, sizeof(T));
  return before;
}

}  // namespace

template <class T>
T Atomic<T>::add(T* at, T value) {
  return update(at, [&](T before) { return before + value; });
}
template <class T>
T Atomic<T>::most(T* at, T value) {
  return update(at, [&](T before) { return before > value ? before : value; });
}
template <class T>
T Atomic<T>::least(T* at, T value) {
  return update(at, [&](T before) { return before < value ? before : value; });
}

template struct Atomic<int>;
template struct Atomic<unsigned>;
template struct Atomic<float>;

}  // namespace cuda_emulator
