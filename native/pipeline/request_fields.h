// Options of generate() that are plain values, a row each:
// what it is called in the API, where it is kept and what it may be. The binding fills a request by this table,
// and check_fields() keeps to it. lib/options/ has the same ranges, which a test compares.
#pragma once

#include <variant>
#include <vector>

#include "base/status.h"
#include "pipeline/request.h"

namespace ipa {

struct RequestField {
  using Member = std::variant<int GenerateRequest::*, int64_t GenerateRequest::*, uint64_t GenerateRequest::*,
                              float GenerateRequest::*, double GenerateRequest::*, bool GenerateRequest::*,
                              Tiling GenerateRequest::*>;
  // Of the option, with dots to what is inside: "steps", "featureCache.every", "guidanceInterval.0".
  const char* path;
  Member member;
  // Of numbers. A member's default may lie outside: it stands for an option that was left out.
  double least = 0, most = 0;
  // Of an option with names, in the order of the member's values.
  std::vector<const char*> names = {};

  bool is_integer() const;
  // Whether the member's type can hold the number, whatever its range.
  bool holds(double value) const;
  // The number, or the index of the name. set() takes what the member holds.
  double get(const GenerateRequest& request) const;
  void set(GenerateRequest& request, double value) const;
};

const std::vector<RequestField>& request_fields();

// invalid_option for a number out of its range, unless it is the default.
Status check_fields(const GenerateRequest& request);

}  // namespace ipa
