// A product of matrices added to a third one, by whoever has the fastest.
#pragma once

#include <cstdint>
#include <functional>

#include "base/status.h"

namespace ipa {

// c (m, n) += a (m, k) times b (k, n), all row-major without gaps.
struct ProductTerms {
  const float* a = nullptr;
  const float* b = nullptr;
  float* c = nullptr;
  int64_t m = 0, k = 0, n = 0;
};
// Code::no_memory.
using AddProduct = std::function<Status(const ProductTerms&)>;

// In plain loops, on any machine.
Status add_product_plainly(const ProductTerms& terms);

}  // namespace ipa
