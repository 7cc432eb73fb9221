// The choice of kernels, and that every table this machine can run gives the same results but for rounding.
#include <cstdlib>

#include "cpu/isa/cpu_features.h"
#include "cpu/isa/isa_tables.h"
#include "graph_rig.h"
#include "harness.h"

namespace {

using ipa::Kernels;
using ipa::Value;
using ipa_test::GraphRig;

// Sets NODE_IP_ADAPTER_ISA and puts back what was there.
class IsaVariable {
 public:
  IsaVariable() {
    const char* value = std::getenv(name);
    if (value) saved_ = value;
  }
  ~IsaVariable() { set(saved_); }
  IsaVariable(const IsaVariable&) = delete;
  IsaVariable& operator=(const IsaVariable&) = delete;
  // "" counts as unset.
  static void set(const std::string& value) {
#if defined(_WIN32)
    _putenv_s(name, value.c_str());
#else
    setenv(name, value.c_str(), 1);
#endif
  }

 private:
  static constexpr const char* name = "NODE_IP_ADAPTER_ISA";
  std::string saved_;
};

TEST(cpu_isa_defaults_to_the_strongest) {
  const IsaVariable variable;
  IsaVariable::set("");
  const auto chosen = ipa::choose_kernels();
  CHECK_OK(chosen.status());
  if (chosen.ok()) CHECK(chosen.value() == ipa::runnable_kernels().back());
  CHECK(ipa::runnable_kernels().front() == &ipa::kernels_scalar);
}

TEST(cpu_isa_can_be_forced) {
  const IsaVariable variable;
  for (const Kernels* table : ipa::runnable_kernels()) {
    IsaVariable::set(table->isa);
    const auto chosen = ipa::choose_kernels();
    CHECK_OK(chosen.status());
    if (chosen.ok()) CHECK(chosen.value() == table);
  }
}

TEST(cpu_isa_refuses_names_it_cannot_run) {
  const IsaVariable variable;
  std::string supported;
  for (const Kernels* table : ipa::runnable_kernels()) supported += std::string(table->isa) + ",";
  for (const std::string name :
       {"sse2", "AVX2", "avx2 ", " ", "avx5120", "scalar,avx2", "neon", "avx2", "avx512", "amx", "amx_int8"}) {
    if (supported.find(name + ",") != std::string::npos) continue;
    IsaVariable::set(name);
    const auto chosen = ipa::choose_kernels();
    CHECK(!chosen.ok());
    CHECK(chosen.status().code() == ipa::Code::invalid_option);
    const std::string& text = chosen.status().message();
    CHECK(text.find("NODE_IP_ADAPTER_ISA=" + name) != std::string::npos);
    CHECK(text.find("scalar") != std::string::npos);  // what to use instead
    const bool known = name == "neon" || name == "avx2" || name == "avx512" || name == "amx";
    CHECK_EQ(text.find("not supported by this machine") != std::string::npos, known);
  }
  IsaVariable::set(std::string(100000, 'x'));
  const auto chosen = ipa::choose_kernels();
  CHECK(!chosen.ok());
  CHECK(chosen.status().message().size() < 300);
}

std::vector<float> small_network(const Kernels& kernels) {
  GraphRig rig(31, kernels);
  ipa::Graph& g = rig.graph;
  Value x = g.conv2d(rig.input({2, 9, 7, 5}), "in", 36);
  x = g.add(x, g.conv2d(g.silu(g.group_norm(x, "norm", 6, 1e-5f)), "conv", 36));
  x = g.reshape(x, {2, 1, 63, 36});
  const Value text = rig.input({2, 1, 77, 36});
  x = g.add(g.attention(g.layer_norm(x, "norm2", 1e-5f), g.pack_kv(text, text, 3)), x);
  x = g.add(g.linear(g.geglu_linear(x, "ff", 50), "ff2", 36), x);
  x = rig.output(g.linear_activation(x, "end", 41, ipa::Activation::quick_gelu));
  if (!rig.build() || !rig.run()) return {};
  return rig.result(x);
}

TEST(cpu_isa_tables_agree) {
  const std::vector<float> scalar = small_network(ipa::kernels_scalar);
  CHECK(!scalar.empty());
  ipa_ref::Tensor expected(ipa::Shape{1, 1, 1, static_cast<int64_t>(scalar.size())});
  expected.values.assign(scalar.begin(), scalar.end());
  for (const Kernels* table : ipa::runnable_kernels()) {
    const double error = ipa_test::relative_error(small_network(*table), expected);
    if (!(error <= ipa_test::deep_tolerance))
      ipa_test::fail(__FILE__, __LINE__,
                     std::string(table->isa) + " differs from scalar by " + std::to_string(error));
  }
}

TEST(cpu_isa_tables_are_what_they_say) {
  for (const Kernels* table : ipa::runnable_kernels()) {
    CHECK(table->panels.lanes >= 1 && table->panels.panel % table->panels.lanes == 0);
    CHECK(table->tile_rows >= 1 && ipa::gemm_block_rows % table->tile_rows == 0);
    // Shapes decide how memory is laid out; a panel holds all columns and no more than a vector too many.
    for (int64_t columns = 1; columns < 200; ++columns) {
      int64_t padded = 0;
      for (int64_t i = 0; i < table->panels.panels(columns); ++i) padded += table->panels.width(columns, i);
      CHECK_EQ(padded, table->panels.padded(columns));
      CHECK(padded >= columns && padded < columns + table->panels.lanes);
    }
  }
}

}  // namespace
