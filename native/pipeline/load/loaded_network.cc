#include "pipeline/load/loaded_network.h"

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
  return load_params(params, *source, what_, context);
}

Result<size_t> LoadedWeights::foresee(const Backend& backend) {
  IPA_ASSIGN(const auto source, open({}, nullptr, LoadContext{backend}));
  return foresee_params(params, *source, what_, backend);
}

Result<LoadedWeights::Restaged> LoadedWeights::restage(const std::vector<LoraUse>& loras,
                                                       const LoadContext& context) {
  Restaged staged;
  IPA_ASSIGN(const auto source, open(loras, &staged.changed, context));
  std::set<std::string> affected = staged.changed;
  affected.insert(changed_.begin(), changed_.end());
  if (affected.empty()) return staged;
  IPA_ASSIGN(staged.params, stage_params(params, affected, *source, what_, context));
  return staged;
}

void LoadedWeights::commit(Restaged restaged) {
  commit_params(std::move(restaged.params));
  changed_ = std::move(restaged.changed);
}

}  // namespace ipa
