// Every kernel body. An instruction set's file includes its vectors, then this, inside its own namespace.
// Each body uses what stands before it, so the order matters:
// clang-format off
#include "cpu/storage-inl.h"
#include "cpu/math-inl.h"
#include "cpu/gemm-inl.h"
#include "cpu/int8-inl.h"
#include "cpu/int16-inl.h"
#include "cpu/bf16-inl.h"
#include "cpu/pairs-inl.h"
#include "cpu/winograd-inl.h"
#include "cpu/winograd_pairs-inl.h"
#include "cpu/attention-inl.h"
#include "cpu/attention_pairs-inl.h"
#include "cpu/norm-inl.h"
#include "cpu/rows-inl.h"
#include "cpu/table-inl.h"
// clang-format on
