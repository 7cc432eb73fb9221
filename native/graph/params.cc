#include "graph/params.h"

namespace ipa {
namespace {

std::string key_of(const std::vector<std::string>& names, ParamRole role) {
  std::string key = std::to_string(static_cast<int>(role));
  for (const std::string& name : names) key += "|" + name;
  return key;
}

}  // namespace

const Param* ParamSet::find(const std::vector<std::string>& names, ParamRole role,
                            const std::vector<int64_t>& shape) const {
  const auto found = by_key_.find(key_of(names, role));
  return found != by_key_.end() && found->second->shape == shape ? found->second : nullptr;
}

Param* ParamSet::declare(std::vector<std::string> names, ParamRole role, std::vector<int64_t> shape) {
  std::string key = key_of(names, role);
  auto found = by_key_.find(key);
  if (found != by_key_.end()) {
    if (found->second->shape != shape && status_.ok())
      status_ = Status(Code::internal, "parameter " + names.front() + " described with two shapes");
    return found->second;
  }
  auto param = std::make_unique<Param>();
  param->names = std::move(names);
  param->role = role;
  param->shape = std::move(shape);
  Param* address = param.get();
  params_.push_back(std::move(param));
  by_key_.emplace(std::move(key), address);
  return address;
}

int64_t ParamSet::elements() const {
  int64_t sum = 0;
  for (const auto& param : params_) sum += param->elements_each() * static_cast<int64_t>(param->names.size());
  return sum;
}

size_t ParamSet::bytes() const {
  size_t sum = visiting_bytes();
  if (rests()) return sum;
  for (const auto& param : params_) sum += param->data.bytes();
  return sum;
}

size_t ParamSet::bytes_in(const MemorySpace& space) const {
  if (rests()) return space.is_host() ? visiting_bytes() : 0;
  size_t sum = 0;
  for (const auto& param : params_)
    if (param->data && &param->data.space() == &space) sum += param->data.bytes();
  return sum;
}

Status ParamSet::rest(const MemorySpace& device) {
  if (!resting_) resting_ = std::make_unique<Resting>(device);
  return settle();
}

Status ParamSet::settle() {
  if (!resting_) return {};
  for (const auto& param : params_)
    if (param->data) IPA_TRY(resting_->take(param->data));
  return {};
}

Result<WeightsVisit> ParamSet::visit() const { return resting_ ? resting_->visit() : WeightsVisit(); }

}  // namespace ipa
