#include "pipeline/load/loaded_network.h"

#include <algorithm>

namespace ipa {

void LoadedWeights::extend(std::string table, std::vector<MoreRows> rows) {
  table_ = std::move(table);
  rows_ = std::move(rows);
}

Result<std::unique_ptr<TensorSource>> LoadedWeights::open(const std::vector<LoraUse>& loras,
                                                          std::set<std::string>* changed,
                                                          const LoadContext& context) const {
  IPA_ASSIGN(auto source, source_.open(params));
  if (part_) {
    IPA_ASSIGN(source, with_loras(std::move(source), loras, *part_, changed,
                                  LoraMath{context.add_product, context.cancel}));
  }
  return with_more_rows(std::move(source), table_, rows_);
}

Status LoadedWeights::load(const std::vector<LoraUse>& loras, const LoadContext& context) {
  IPA_ASSIGN(const auto source, open(loras, &changed_, context));
  IPA_TRY(load_params(params, *source, what_, context));
  return context.rests ? params.rest(context.backend.memory()) : Status();
}

Result<size_t> LoadedWeights::foresee(const Backend& backend) {
  IPA_ASSIGN(const auto source, open({}, nullptr, LoadContext{backend}));
  return foresee_params(params, *source, what_, backend);
}

Result<LoadedWeights::Restaged> LoadedWeights::restage(const std::vector<LoraUse>& loras,
                                                       const LoadContext& context) {
  use_patched(false);
  Restaged staged;
  IPA_ASSIGN(const auto source, open(loras, &staged.changed, context));
  std::set<std::string> affected = staged.changed;
  affected.insert(changed_.begin(), changed_.end());
  if (affected.empty()) return staged;
  IPA_ASSIGN(staged.params, stage_params(params, affected, *source, what_, context));
  if (patch_) {
    IPA_ASSIGN(staged.patched, stage_patched(loras, &affected, context));
  }
  return staged;
}

void LoadedWeights::commit(Restaged restaged) {
  commit_params(std::move(restaged.params));
  // They are in the host's memory already, so that nothing can fail.
  (void)params.settle();
  changed_ = std::move(restaged.changed);
  for (StagedParam& one : restaged.patched)
    for (StagedParam& spare : spare_)
      if (spare.param == one.param) spare = std::move(one);
}

Result<StagedParams> LoadedWeights::stage_patched(const std::vector<LoraUse>& loras,
                                                  const std::set<std::string>* affected,
                                                  const LoadContext& context) {
  IPA_ASSIGN(auto source, open(loras, nullptr, context));
  std::set<std::string> patched, wanted;
  IPA_ASSIGN(source, with_inpaint_patch(std::move(source), *patch_, &patched));
  for (const auto& param : params.all()) {
    const auto holds = [&](const std::set<std::string>& tensors) {
      return std::any_of(param->names.begin(), param->names.end(),
                         [&](const std::string& name) { return tensors.count(name) > 0; });
    };
    if (holds(patched) && (!affected || holds(*affected))) wanted.insert(param->names.front());
  }
  return stage_params(params, wanted, *source, what_, context);
}

Status LoadedWeights::load_patch(InpaintPatch patch, const std::vector<LoraUse>& loras,
                                 const LoadContext& context) {
  patch_ = std::move(patch);
  IPA_ASSIGN(spare_, stage_patched(loras, nullptr, context));
  return {};
}

void LoadedWeights::use_patched(bool patched) {
  if (patched == patched_) return;
  for (StagedParam& spare : spare_) {
    std::swap(spare.data, spare.param->data);
    std::swap(spare.halves, spare.param->halves);
    std::swap(spare.blocks, spare.param->blocks);
  }
  patched_ = patched;
}

size_t LoadedWeights::spare_bytes() const {
  size_t sum = 0;
  for (const StagedParam& spare : spare_) sum += spare.data.bytes();
  return sum;
}

}  // namespace ipa
