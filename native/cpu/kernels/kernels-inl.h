// Every kernel body. An instruction set's file includes its vectors, then this, inside its own namespace.
// Each body uses what stands before it, so the order matters:
// clang-format off
#include "cpu/kernels/storage-inl.h"
#include "cpu/kernels/math-inl.h"
#include "cpu/kernels/gemm-inl.h"
#include "cpu/kernels/int8-inl.h"
#include "cpu/kernels/int16-inl.h"
#include "cpu/kernels/bf16-inl.h"
#include "cpu/kernels/pairs-inl.h"
#include "cpu/kernels/winograd-inl.h"
#include "cpu/kernels/winograd_pairs-inl.h"
#include "cpu/kernels/attention-inl.h"
#include "cpu/kernels/attention_map-inl.h"
#include "cpu/kernels/pack_kv_pairs-inl.h"
#include "cpu/kernels/attention_pairs-inl.h"
#include "cpu/kernels/norm-inl.h"
#include "cpu/kernels/rows-inl.h"
#include "cpu/kernels/table-inl.h"
// clang-format on
