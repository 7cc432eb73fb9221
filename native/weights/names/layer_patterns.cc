#include "weights/names/layer_patterns.h"

#include <utility>

#include "base/utf8.h"
#include "weights/names/name_parts.h"

namespace ipa {
namespace {

// Every layer is compared with each of them.
constexpr size_t max_wildcards = 64;

// Whether `text` is the pieces in their order with anything between them.
bool pieces_fit(const std::vector<std::string>& pieces, std::string_view text) {
  if (!begins_with(text, pieces.front())) return false;
  text.remove_prefix(pieces.front().size());
  for (size_t i = 1; i + 1 < pieces.size(); ++i) {
    const size_t at = text.find(pieces[i]);
    if (at == std::string_view::npos) return false;
    text.remove_prefix(at + pieces[i].size());
  }
  return ends_with(text, pieces.back());
}

}  // namespace

Status LayerPatterns::add(std::string_view key, double value) {
  Wildcard read;
  std::string_view rest = key;
  if (begins_with(rest, "^")) {
    read.from_start = true;
    rest.remove_prefix(1);
  }
  read.pieces.emplace_back();
  for (size_t i = 0; i < rest.size(); ++i) {
    const std::string_view two = rest.substr(i, 2);
    if (two == ".*") {
      read.pieces.emplace_back();
      ++i;
    } else if (two == "\\.") {
      read.pieces.back() += '.';
      ++i;
    } else if (std::string_view("\\*+?()[]{}|^$").find(rest[i]) != std::string_view::npos) {
      return Status(Code::unsupported, in_quotes(key) +
                                           " is a regular expression that cannot be read: save the LoRA "
                                           "with names of layers there");
    } else {
      read.pieces.back() += rest[i];
    }
  }
  read.entry = {count_++, value};
  if (read.pieces.size() == 1) {
    (read.from_start ? wholes_ : endings_).emplace(std::move(read.pieces.front()), read.entry);
    return {};
  }
  if (wildcards_.size() == max_wildcards)
    return Status(Code::limit, "more than " + std::to_string(max_wildcards) + " keys have .* in them");
  wildcards_.push_back(std::move(read));
  return {};
}

bool LayerPatterns::fits(const Wildcard& wildcard, std::string_view layer) {
  if (pieces_fit(wildcard.pieces, layer)) return true;
  for (size_t dot = layer.find('.'); !wildcard.from_start && dot != std::string_view::npos;
       dot = layer.find('.', dot + 1)) {
    if (pieces_fit(wildcard.pieces, layer.substr(dot + 1))) return true;
  }
  return false;
}

std::optional<double> LayerPatterns::find(std::string_view layer) const {
  const Entry* best = nullptr;
  const auto offer = [&](const Entry& entry) {
    if (!best || entry.order < best->order) best = &entry;
  };
  const auto whole = wholes_.find(std::string(layer));
  if (whole != wholes_.end()) offer(whole->second);
  for (size_t at = 0; !endings_.empty(); ++at) {
    const auto found = endings_.find(std::string(layer.substr(at)));
    if (found != endings_.end()) offer(found->second);
    at = layer.find('.', at);
    if (at == std::string_view::npos) break;
  }
  for (const Wildcard& wildcard : wildcards_) {
    if ((!best || wildcard.entry.order < best->order) && fits(wildcard, layer)) offer(wildcard.entry);
  }
  return best ? std::optional<double>(best->value) : std::nullopt;
}

}  // namespace ipa
