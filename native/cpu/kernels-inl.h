// Every kernel body, in order. An instruction set's file includes its vectors, then this, inside its own
// namespace.
#include "cpu/attention-inl.h"
#include "cpu/gemm-inl.h"
#include "cpu/math-inl.h"
#include "cpu/norm-inl.h"
#include "cpu/rows-inl.h"
