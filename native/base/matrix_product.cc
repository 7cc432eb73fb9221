#include "base/matrix_product.h"

namespace ipa {

Status add_product_plainly(const ProductTerms& terms) {
  for (int64_t row = 0; row < terms.m; ++row) {
    float* to = terms.c + row * terms.n;
    for (int64_t i = 0; i < terms.k; ++i) {
      const float by = terms.a[row * terms.k + i];
      const float* from = terms.b + i * terms.n;
      for (int64_t column = 0; column < terms.n; ++column) to[column] += by * from[column];
    }
  }
  return {};
}

}  // namespace ipa
