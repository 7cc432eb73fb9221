// Options that are plain values, a row each: what an option is called in the API, where a request keeps it and
// what it may be. The binding fills a request by its table, and check_fields() compares a request with it.
// lib/options/ has the same ranges, which a test compares.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/status.h"

namespace ipa {

// Of JavaScript.
constexpr double kLargestInteger = 9007199254740991.0;

// Enums: the enumerations that members of the request have, or std::optional of one, which an option left out leaves empty.
template <class Request, class... Enums>
struct Field {
  using Member = std::variant<int Request::*, int64_t Request::*, uint64_t Request::*, float Request::*,
                              double Request::*, bool Request::*, std::optional<bool> Request::*,
                              std::string Request::*, Enums Request::*...>;
  // Of the option, with dots to what is inside: "steps", "featureCache.every", "guidanceInterval.0".
  const char* path;
  Member member;
  // Of numbers. A member's default may lie outside: it stands for an option that was left out.
  double least, most;
  // Of an option with names, in the order of the member's values; null for a value that has none.
  // A member that is a string holds the name itself.
  std::vector<const char*> names;

  Field(const char* path, Member member, double least, double most, std::vector<const char*> names = {})
      : path(path), member(member), least(least), most(most), names(std::move(names)) {}

  bool is_boolean() const {
    return std::holds_alternative<std::optional<bool> Request::*>(member) ||
           (std::holds_alternative<bool Request::*>(member) && names.empty());
  }
  bool is_integer() const {
    return !std::holds_alternative<float Request::*>(member) &&
           !std::holds_alternative<double Request::*>(member);
  }
  // Whether the member's type can hold the number, whatever its range.
  bool holds(double value) const;
  // The number, 0 or 1 of a boolean, or the index of the name; -1: there is none. set() takes what the member holds.
  double get(const Request& request) const;
  void set(Request& request, double value) const;
};

// "a", "b" or "c".
std::string quoted_names(const std::vector<const char*>& names);

// What is wrong with an option whose value is out of its range.
Status out_of_range(const std::string& path, bool is_integer, double least, double most, double value);

// invalid_option for a value out of its range, unless it is the default.
template <class Request, class... Enums>
Status check_fields(const Request& request, const std::vector<Field<Request, Enums...>>& fields) {
  const Request usual;
  for (const Field<Request, Enums...>& field : fields) {
    const double value = field.get(request);
    if ((value >= field.least && value <= field.most) || value == field.get(usual)) continue;
    if (!field.names.empty()) return Status::option(field.path, "expected " + quoted_names(field.names));
    return out_of_range(field.path, field.is_integer(), field.least, field.most, value);
  }
  return {};
}

template <class Request, class... Enums>
bool Field<Request, Enums...>::holds(double value) const {
  return std::visit(
      [&](auto pointer) {
        using Type = std::remove_reference_t<decltype(std::declval<Request&>().*pointer)>;
        if constexpr (std::is_same_v<Type, double>) return true;
        if constexpr (std::is_same_v<Type, float>)
          return !std::isfinite(value) || std::fabs(value) <= std::numeric_limits<float>::max();
        const bool is_small = std::is_same_v<Type, int>;
        const double most = is_small ? std::numeric_limits<int>::max() : kLargestInteger;
        const double least = std::is_unsigned_v<Type> ? 0 : -most;
        return value >= least && value <= most && value == std::floor(value);
      },
      member);
}

template <class Type>
struct IsOptional : std::false_type {};
template <class Type>
struct IsOptional<std::optional<Type>> : std::true_type {};

template <class Request, class... Enums>
double Field<Request, Enums...>::get(const Request& request) const {
  return std::visit(
      [&](auto pointer) {
        const auto& value = request.*pointer;
        using Type = std::remove_cv_t<std::remove_reference_t<decltype(value)>>;
        if constexpr (IsOptional<Type>::value) {
          return value ? static_cast<double>(*value) : -1.0;
        } else if constexpr (std::is_same_v<Type, std::string>) {
          if (value.empty()) return -1.0;
          size_t index = 0;
          while (index < names.size() && value != names[index]) ++index;
          return static_cast<double>(index);
        } else {
          return static_cast<double>(value);
        }
      },
      member);
}

template <class Request, class... Enums>
void Field<Request, Enums...>::set(Request& request, double value) const {
  std::visit(
      [&](auto pointer) {
        auto& held = request.*pointer;
        using Type = std::remove_reference_t<decltype(held)>;
        if constexpr (std::is_enum_v<Type>)
          held = static_cast<Type>(static_cast<int>(value));
        else if constexpr (std::is_same_v<Type, std::optional<bool>>)
          held = value != 0;
        else if constexpr (IsOptional<Type>::value)
          held = static_cast<typename Type::value_type>(static_cast<int>(value));
        else if constexpr (std::is_same_v<Type, std::string>)
          held = names[static_cast<size_t>(value)];
        else
          held = static_cast<Type>(value);
      },
      member);
}

}  // namespace ipa
