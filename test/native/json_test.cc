#include "base/json.h"

#include <cmath>
#include <string>

#include "base/utf8.h"
#include "harness.h"

using ipa::Code;
using ipa::Json;

namespace {

Code code_of(const std::string& text) { return Json::parse(text).status().code(); }

Json parsed(const std::string& text) {
  ipa::Result<Json> result = Json::parse(text);
  CHECK_OK(result.status());
  return result.ok() ? result.take() : Json();
}

std::string string_of(const std::string& text) { return parsed(text).string(); }

}  // namespace

TEST_ONCE(json_reads_every_kind) {
  const Json json = parsed(" {\"a\": [1, -2.5, true, false, null, \"x\"], \"b\": {}}\n");
  CHECK(json.is_object() && json.object().size() == 2);
  const Json* a = json.find("a");
  CHECK(a && a->is_array() && a->array().size() == 6);
  if (a && a->array().size() == 6) {
    CHECK(a->array()[0].is_u64() && a->array()[0].u64() == 1 && a->array()[0].number() == 1);
    CHECK(a->array()[1].is_number() && !a->array()[1].is_u64() && a->array()[1].number() == -2.5);
    CHECK(a->array()[2].boolean() && a->array()[2].is_boolean());
    CHECK(!a->array()[3].boolean() && a->array()[3].is_boolean());
    CHECK(a->array()[4].is_null());
    CHECK_EQ(a->array()[5].string(), "x");
  }
  CHECK(json.find("b") && json.find("b")->is_object() && json.find("b")->object().empty());
  CHECK(json.find("c") == nullptr);
  CHECK(a->find("b") == nullptr);
  CHECK_EQ(json.object()[1].first, "b");
}

TEST_ONCE(json_numbers_are_exact) {
  CHECK_EQ(parsed("18446744073709551615").u64(), UINT64_MAX);
  CHECK(!parsed("18446744073709551616").is_u64());
  CHECK_EQ(parsed("18446744073709551616").number(), 18446744073709551616.0);
  CHECK(!parsed("100000000000000000000000").is_u64());
  CHECK(parsed("0").is_u64());
  for (const char* text : {"-0", "-1", "1.0", "1e2", "1E2", "0.0", "-1.5e-3"}) {
    CHECK(!parsed(text).is_u64());
    CHECK_EQ(parsed(text).number(), std::strtod(text, nullptr));
  }
  for (const char* text :
       {"0.18215", "1e-05", "0.00085", "0.1", "1.7976931348623157e308", "3.14159265358979323846"}) {
    CHECK_EQ(parsed(text).number(), std::strtod(text, nullptr));
  }
  CHECK(code_of("1e309") == Code::limit);
  CHECK(code_of("-1e309") == Code::limit);
}

TEST_ONCE(json_refuses_what_rfc_8259_refuses) {
  const char* bad[] = {"",
                       " ",
                       "{",
                       "}",
                       "[",
                       "]",
                       "[1",
                       "[1,",
                       "[1,]",
                       "[,1]",
                       "[1 2]",
                       "{\"a\"}",
                       "{\"a\":}",
                       "{\"a\":1,}",
                       "{a:1}",
                       "{1:2}",
                       "{\"a\":1 \"b\":2}",
                       "{\"a\" 1}",
                       "{}x",
                       "{} {}",
                       "1 2",
                       "tru",
                       "truex",
                       "nul",
                       "True",
                       "NaN",
                       "Infinity",
                       "-Infinity",
                       "+1",
                       "01",
                       "-01",
                       "00",
                       "1.",
                       ".5",
                       "1.e2",
                       "1e",
                       "1e+",
                       "-",
                       "0x10",
                       "'a'",
                       "\"a",
                       "\"\\",
                       "\"\\x\"",
                       "\"\\u12\"",
                       "\"\\u12G4\"",
                       "\"\\uD800\\u12\"",
                       "// c\n1",
                       "/* c */ 1",
                       "[1]]",
                       "{\"a\":[}",
                       "[{]}",
                       "\"a\nb\"",
                       "\"a\tb\"",
                       ("\"a\x01"
                        "b\""),
                       "\xEF\xBB\xBF{}",
                       "\f1",
                       "\v1"};
  for (const char* text : bad) {
    if (code_of(text) != Code::syntax)
      ipa_test::fail(__FILE__, __LINE__, std::string("accepted or other code: ") + text);
  }
  CHECK(code_of(std::string("\"a\0b\"", 5)) == Code::syntax);
  CHECK(code_of(std::string("1\0", 2)) == Code::syntax);
  const std::string message = Json::parse("[1, x]").status().message();
  CHECK(message.find("byte 4") != std::string::npos);
}

TEST_ONCE(json_strings_unescape) {
  CHECK_EQ(string_of("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), "\"\\/\b\f\n\r\t");
  CHECK_EQ(string_of("\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\""), "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  CHECK_EQ(string_of("\"\xC3\xA9\xF4\x8F\xBF\xBF\x7F\""), "\xC3\xA9\xF4\x8F\xBF\xBF\x7F");
  CHECK_EQ(string_of("\"\\u0000\""), std::string(1, '\0'));
}

TEST_ONCE(json_refuses_bad_unicode) {
  for (const char* text :
       {"\"\xFF\"", "\"\x80\"", "\"\xC0\x80\"", "\"\xC1\xBF\"", "\"\xE0\x80\x80\"", "\"\xE0\x9F\xBF\"",
        "\"\xED\xA0\x80\"", "\"\xF0\x8F\xBF\xBF\"", "\"\xF4\x90\x80\x80\"", "\"\xF5\x80\x80\x80\"",
        "\"\xE2\x82\"", "\"\xF0\x9F\x98\"", "\xFF", "{}\xC3"}) {
    CHECK(code_of(text) == Code::utf8);
  }
  for (const char* text : {"\"\\ud800\"", "\"\\udc00\"", "\"\\ud800x\"", "\"\\ud800\\n\"", "\"\\ud800\\ud800\"",
                           "\"\\ud83d\\u0041\"", "{\"\\udfff\":1}"}) {
    CHECK(code_of(text) == Code::utf8);
  }
}

TEST_ONCE(json_refuses_duplicate_names) {
  CHECK(code_of("{\"a\":1,\"a\":1}") == Code::duplicate);
  CHECK(code_of("{\"w\":1,\"b\":2,\"\\u0077\":3}") == Code::duplicate);
  CHECK(code_of("[{\"x\":{\"\":1,\"\":2}}]") == Code::duplicate);
  CHECK(code_of("{\"a\":{\"a\":1},\"b\":{\"a\":1}}") == Code::ok);
  CHECK(code_of("{\"a\":1,\"A\":1,\"\":0}") == Code::ok);
}

TEST_ONCE(json_limits_hold) {
  const auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(code_of(nested(64)) == Code::ok);
  CHECK(code_of(nested(65)) == Code::limit);
  CHECK(code_of(nested(100000)) == Code::limit);
  CHECK(code_of(std::string(1000000, '{')) == Code::syntax);
  CHECK(code_of(std::string(1000000, '[')) == Code::limit);
  Json::Limits limits;
  limits.depth = 1;
  CHECK(Json::parse("[1]", limits).ok());
  CHECK(Json::parse("[[]]", limits).status().code() == Code::limit);
  limits.depth = 1 << 30;  // still bounded, as trees are destroyed recursively
  CHECK(Json::parse(nested(100000), limits).status().code() == Code::limit);
  limits = {};
  limits.values = 3;
  CHECK(Json::parse("[1,2]", limits).ok());
  CHECK(Json::parse("[1,2,3]", limits).status().code() == Code::limit);
  limits = {};
  limits.string_bytes = 3;
  CHECK(Json::parse("\"abc\"", limits).ok());
  CHECK(Json::parse("\"abcd\"", limits).status().code() == Code::limit);
  CHECK(Json::parse("\"ab\\ncd\"", limits).status().code() == Code::limit);
}

TEST_ONCE(json_python_constants_only_when_asked_for) {
  Json::Limits limits;
  limits.python_constants = true;
  const ipa::Result<Json> json = Json::parse("[NaN, Infinity, -Infinity, -1]", limits);
  CHECK_OK(json.status());
  if (json.ok()) {
    CHECK(std::isnan(json.value().array()[0].number()) && !json.value().array()[0].is_u64());
    CHECK_EQ(json.value().array()[1].number(), HUGE_VAL);
    CHECK_EQ(json.value().array()[2].number(), -HUGE_VAL);
    CHECK_EQ(json.value().array()[3].number(), -1.0);
  }
  CHECK(Json::parse("-NaN", limits).status().code() == Code::syntax);
}

TEST_ONCE(utf8_quoting_is_safe_and_short) {
  CHECK_EQ(ipa::in_quotes("a b\xC3\xA9"), "\"a b\xC3\xA9\"");
  CHECK_EQ(ipa::in_quotes(std::string("\n\x1B\0\x7F\xFF", 5)), "\"\\x0a\\x1b\\x00\\x7f\\xff\"");
  const std::string cut = ipa::in_quotes(std::string(5000, 'x'));
  CHECK_EQ(cut, "\"" + std::string(200, 'x') + "\"...");
  CHECK_EQ(ipa::in_quotes(std::string(199, 'x') + "\xE2\x82\xAC"), "\"" + std::string(199, 'x') + "\"...");
}
