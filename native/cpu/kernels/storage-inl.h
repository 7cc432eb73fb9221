// Activations in memory: f32, or bf16, which is rounded when it is stored.
// A kernel's body is written for either; `as` says which one a place holds.

inline V load_part(const BFloat16* p, int n) {
  BFloat16 lanes[L];
  for (int i = 0; i < n; ++i) lanes[i] = p[i];
  return load(lanes);
}
inline void store_part(BFloat16* p, V x, int n) {
  BFloat16 lanes[L];
  store(lanes, x);
  for (int i = 0; i < n; ++i) p[i] = lanes[i];
}

// The first `left` of a vector, zeros behind them; all where there are more.
template <class T>
inline V load_columns(const T* p, int64_t left) {
  return left >= L ? load(p) : load_part(p, static_cast<int>(left));
}
template <class T>
inline void store_columns(T* p, V x, int64_t left) {
  if (left >= L)
    store(p, x);
  else
    store_part(p, x, static_cast<int>(left));
}

template <class T>
const T* as(const float* p) {
  return reinterpret_cast<const T*>(p);
}
template <class T>
T* as(float* p) {
  return reinterpret_cast<T*>(p);
}
