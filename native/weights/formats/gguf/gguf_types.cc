#include "weights/formats/gguf/gguf_types.h"

namespace ipa {
namespace {

struct StoredType {
  uint32_t id;
  DType type;
};
constexpr StoredType stored_types[] = {
    {0, DType::f32},   {1, DType::f16},   {2, DType::q4_0},  {3, DType::q4_1},  {6, DType::q5_0},
    {7, DType::q5_1},  {8, DType::q8_0},  {10, DType::q2_k}, {11, DType::q3_k}, {12, DType::q4_k},
    {13, DType::q5_k}, {14, DType::q6_k}, {24, DType::i8},   {25, DType::i16},  {26, DType::i32},
    {27, DType::i64},  {28, DType::f64},  {30, DType::bf16},
};

}  // namespace

std::optional<DType> gguf_dtype(uint32_t id) {
  for (const StoredType& row : stored_types) {
    if (row.id == id) return row.type;
  }
  return std::nullopt;
}

std::optional<uint32_t> gguf_type_id(DType type) {
  for (const StoredType& row : stored_types) {
    if (row.type == type) return row.id;
  }
  return std::nullopt;
}

}  // namespace ipa
