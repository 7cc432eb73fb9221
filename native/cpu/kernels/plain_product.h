// A product of matrices as they lie in memory, with the kernels that multiply packed ones.
#pragma once

#include "base/matrix_product.h"
#include "cpu/kernels/kernels.h"

namespace ipa {

// On the calling thread. The sums are in an order that the sizes alone decide.
Status add_product(const Kernels& kernels, const ProductTerms& terms);

}  // namespace ipa
