#include "base/json.h"

#include <algorithm>
#include <numeric>

#include "base/json_reader.h"
#include "base/utf8.h"

namespace ipa {

// Builds the tree from JsonReader's tokens.
// Only the last child of an open container grows, so pointers to the open containers stay valid.
class JsonParser {
 public:
  JsonParser(std::string_view text, const Json::Limits& limits)
      : reader_(text, std::min(limits.depth, 512), limits.string_bytes), limits_(limits) {
    reader_.accept_python_constants(limits.python_constants);
  }

  Result<Json> parse() {
    Json root;
    for (;;) {
      IPA_ASSIGN(const JsonReader::Token token, reader_.next());
      switch (token) {
        case JsonReader::Token::end: return root;
        case JsonReader::Token::key: key_ = reader_.take_string(); break;
        case JsonReader::Token::end_object:
          IPA_TRY(check_names(*open_.back()));
          open_.pop_back();
          break;
        case JsonReader::Token::end_array: open_.pop_back(); break;
        default: IPA_TRY(add(token, &root));
      }
    }
  }

 private:
  Status add(JsonReader::Token token, Json* root) {
    if (++values_ > limits_.values) {
      return Status(Code::limit, "JSON: more than " + std::to_string(limits_.values) + " values at byte " +
                                     std::to_string(reader_.offset()));
    }
    Json* value = root;
    if (!open_.empty()) {
      Json* parent = open_.back();
      if (parent->is_object()) {
        parent->object_.emplace_back(std::move(key_), Json());
        value = &parent->object_.back().second;
      } else {
        parent->array_.emplace_back();
        value = &parent->array_.back();
      }
    }
    switch (token) {
      case JsonReader::Token::begin_object:
        value->kind_ = Json::Kind::object;
        open_.push_back(value);
        break;
      case JsonReader::Token::begin_array:
        value->kind_ = Json::Kind::array;
        open_.push_back(value);
        break;
      case JsonReader::Token::string:
        value->kind_ = Json::Kind::string;
        value->string_ = reader_.take_string();
        break;
      case JsonReader::Token::number:
        value->kind_ = Json::Kind::number;
        value->number_ = reader_.number();
        value->is_u64_ = reader_.is_u64();
        value->u64_ = reader_.u64();
        break;
      case JsonReader::Token::boolean:
        value->kind_ = Json::Kind::boolean;
        value->boolean_ = reader_.boolean();
        break;
      default: break;  // null
    }
    return {};
  }

  // Sorting, unlike hashing, has no worst case that a crafted file could ask for.
  Status check_names(const Json& object) const {
    const auto& members = object.object();
    std::vector<size_t> order(members.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return members[a].first < members[b].first; });
    for (size_t i = 1; i < order.size(); ++i) {
      const std::string& name = members[order[i]].first;
      if (name == members[order[i - 1]].first) {
        return Status(Code::duplicate, "JSON: member " + ipa::in_quotes(name) +
                                           " occurs twice in the object that ends at byte " +
                                           std::to_string(reader_.offset()));
      }
    }
    return {};
  }

  JsonReader reader_;
  const Json::Limits limits_;
  size_t values_ = 0;
  std::string key_;
  std::vector<Json*> open_;
};

Result<Json> Json::parse(std::string_view text, const Limits& limits) {
  return JsonParser(text, limits).parse();
}

Json Json::of(bool value) {
  Json json;
  json.kind_ = Kind::boolean;
  json.boolean_ = value;
  return json;
}

Json Json::of(double value) {
  Json json;
  json.kind_ = Kind::number;
  json.number_ = value;
  return json;
}

Json Json::of(std::string value) {
  Json json;
  json.kind_ = Kind::string;
  json.string_ = std::move(value);
  return json;
}

void Json::set(std::string_view key, Json value) {
  kind_ = Kind::object;
  for (auto& [name, member] : object_) {
    if (name != key) continue;
    member = std::move(value);
    return;
  }
  object_.emplace_back(std::string(key), std::move(value));
}

void Json::remove(std::string_view key) {
  object_.erase(
      std::remove_if(object_.begin(), object_.end(), [&](const auto& member) { return member.first == key; }),
      object_.end());
  array_.erase(std::remove_if(array_.begin(), array_.end(),
                              [&](const Json& value) { return value.is_string() && value.string_ == key; }),
               array_.end());
}

const Json* Json::find(std::string_view key) const {
  for (const auto& member : object_) {
    if (member.first == key) return &member.second;
  }
  return nullptr;
}

}  // namespace ipa
