#include "base/config_reader.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ipa {
namespace {

std::string show(const Json& value) {
  switch (value.kind()) {
    case Json::Kind::null: return "null";
    case Json::Kind::boolean: return value.boolean() ? "true" : "false";
    case Json::Kind::string: return "\"" + value.string().substr(0, 60) + "\"";
    case Json::Kind::array: return "an array";
    case Json::Kind::object: return "an object";
    case Json::Kind::number: break;
  }
  const double number = value.number();
  if (number == std::floor(number) && std::fabs(number) < 1e15)
    return std::to_string(static_cast<long long>(number));
  return std::to_string(number);
}

}  // namespace

ConfigReader::ConfigReader(const Json& config, std::string where) : config_(config), where_(std::move(where)) {
  const Json* names = config.find("_use_default_values");
  if (names == nullptr || !names->is_array()) return;
  for (const Json& name : names->array()) {
    if (name.is_string()) use_default_.push_back(name.string());
  }
}

const Json* ConfigReader::find(const char* key) const {
  const Json* value = config_.find(key);
  if (value == nullptr || value->is_null()) return nullptr;
  if (std::find(use_default_.begin(), use_default_.end(), key) != use_default_.end()) return nullptr;
  return value;
}

void ConfigReader::fail(Code code, const std::string& key, const std::string& value, const std::string& fix) {
  if (status_.ok()) status_ = Status(code, where_ + ": " + key + " " + value + ": " + fix);
}

void ConfigReader::fail(Code code, const std::string& what) {
  if (status_.ok()) status_ = Status(code, where_ + ": " + what);
}

bool ConfigReader::boolean(const char* key, bool fallback) {
  const Json* value = find(key);
  if (value == nullptr) {
    const Json* raw = config_.find(key);
    const bool listed = std::find(use_default_.begin(), use_default_.end(), key) != use_default_.end();
    return raw != nullptr && !listed ? false : fallback;
  }
  if (value->is_boolean()) return value->boolean();
  fail(Code::invalid_option, key, show(*value), "use true or false");
  return fallback;
}

double ConfigReader::number(const char* key, double fallback) {
  const Json* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_number() && std::isfinite(value->number())) return value->number();
  fail(Code::invalid_option, key, show(*value), "use a number");
  return fallback;
}

double ConfigReader::number(const char* key, double fallback, double low, double high) {
  const double value = number(key, fallback);
  if (value >= low && value <= high) return value;
  fail(Code::invalid_option, key, std::to_string(value),
       "use a number from " + std::to_string(low) + " to " + std::to_string(high));
  return fallback;
}

int64_t ConfigReader::whole(const char* key, const Json& value, int64_t low, int64_t high) {
  if (value.is_number()) {
    const double number = value.number();
    if (number == std::floor(number) && number >= static_cast<double>(low) &&
        number <= static_cast<double>(high))
      return static_cast<int64_t>(number);
  }
  fail(Code::invalid_option, key, show(value),
       "use a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  return low;
}

int64_t ConfigReader::integer(const char* key, int64_t fallback, int64_t low, int64_t high) {
  const Json* value = find(key);
  if (value != nullptr) return whole(key, *value, low, high);
  if (fallback < low || fallback > high)
    fail(Code::invalid_option, key, std::to_string(fallback) + " (the default)",
         "use a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  return fallback;
}

std::vector<int64_t> ConfigReader::list(const char* key, int64_t low, int64_t high) {
  constexpr size_t longest = 64;
  std::vector<int64_t> result;
  const Json* value = find(key);
  if (value == nullptr) return result;
  if (!value->is_array() || value->array().size() > longest) {
    fail(Code::invalid_option, key, show(*value), "use a list of at most 64 whole numbers");
    return result;
  }
  for (const Json& entry : value->array()) result.push_back(whole(key, entry, low, high));
  return result;
}

std::vector<int64_t> ConfigReader::integers(const char* key, int64_t fallback, size_t count, int64_t low,
                                            int64_t high) {
  const Json* value = find(key);
  if (value == nullptr) return std::vector<int64_t>(count, fallback);
  if (!value->is_array()) return std::vector<int64_t>(count, whole(key, *value, low, high));
  std::vector<int64_t> result = list(key, low, high);
  if (result.size() != count) {
    fail(Code::invalid_option, key, show(*value), "use one whole number or a list of " + std::to_string(count));
    result.assign(count, low);
  }
  return result;
}

std::vector<bool> ConfigReader::booleans(const char* key, bool fallback, size_t count) {
  const Json* value = find(key);
  if (value == nullptr) return std::vector<bool>(count, fallback);
  if (value->is_boolean()) return std::vector<bool>(count, value->boolean());
  std::vector<bool> result;
  if (value->is_array()) {
    for (const Json& entry : value->array()) {
      if (entry.is_boolean()) result.push_back(entry.boolean());
    }
  }
  if (result.size() != count) {
    fail(Code::invalid_option, key, show(*value), "use true, false, or a list of " + std::to_string(count));
    result.assign(count, fallback);
  }
  return result;
}

std::vector<std::string> ConfigReader::texts(const char* key) {
  std::vector<std::string> result;
  const Json* value = find(key);
  if (value == nullptr) return result;
  if (value->is_array()) {
    for (const Json& entry : value->array()) {
      if (entry.is_string()) result.push_back(entry.string());
    }
    if (result.size() == value->array().size()) return result;
  }
  fail(Code::invalid_option, key, show(*value), "use a list of strings");
  return {};
}

void ConfigReader::require_absent(const char* key) {
  if (has(key)) fail(Code::unsupported, key, show(*find(key)), "this version does not support it");
}

void ConfigReader::require_boolean(const char* key, bool expected) {
  if (boolean(key, expected) != expected)
    fail(Code::unsupported, key, expected ? "false" : "true", "this version does not support it");
}

void ConfigReader::require_number(const char* key, double expected) {
  if (number(key, expected) != expected)
    fail(Code::unsupported, key, show(*find(key)),
         "this version supports " + std::to_string(expected) + " only");
}

void ConfigReader::require_text(const char* key, const std::string& expected) {
  if (text(key, expected) != expected)
    fail(Code::unsupported, key, show(*find(key)), "this version supports \"" + expected + "\" only");
}

std::optional<double> ConfigReader::optional_number(const char* key) {
  if (!has(key)) return std::nullopt;
  return number(key, 0);
}

std::optional<std::vector<double>> ConfigReader::optional_numbers(const char* key) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  std::vector<double> numbers;
  if (value->is_array()) {
    numbers.reserve(value->array().size());
    for (const Json& item : value->array()) {
      if (item.is_number() && std::isfinite(item.number())) numbers.push_back(item.number());
    }
    if (numbers.size() == value->array().size()) return numbers;
  }
  fail(Code::invalid_option, key, show(*value), "use an array of numbers");
  return std::nullopt;
}

double ConfigReader::number_or_minus_infinity(const char* key, double fallback) {
  const Json* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_string() && (value->string() == "-Infinity" || value->string() == "-inf")) {
    return -std::numeric_limits<double>::infinity();
  }
  if (value->is_number() && value->number() == -std::numeric_limits<double>::infinity()) return value->number();
  return number(key, fallback);
}

std::string ConfigReader::text(const char* key, const std::string& fallback) {
  const Json* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_string()) return value->string();
  fail(Code::invalid_option, key, show(*value), "use a string");
  return fallback;
}

}  // namespace ipa
