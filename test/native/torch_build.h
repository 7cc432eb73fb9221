// Builds PyTorch files byte by byte, good and bad.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/crc32.h"
#include "safetensors_build.h"

namespace ipa_test {

inline std::string little(uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(i < 8 ? value >> (8 * i) : 0);
  return text;
}

// Text that may hold zeros.
template <size_t n>
std::string raw(const char (&bytes)[n]) {
  return std::string(bytes, n - 1);
}

// --- Pickles of protocol 2 ---

inline std::string pickled(const std::string& body) { return "\x80\x02" + body + "."; }
inline std::string text(const std::string& value) { return "X" + little(value.size(), 4) + value; }
inline std::string number(int64_t value) { return "\x8A\x08" + little(static_cast<uint64_t>(value), 8); }
inline std::string python_name(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string ordered_dict() { return python_name("collections", "OrderedDict") + ")R"; }
inline std::string tuple_of(const std::vector<std::string>& items) {
  std::string all = "(";
  for (const std::string& item : items) all += item;
  return all + "t";
}
inline std::string numbers(const std::vector<int64_t>& values) {
  std::string all = "(";
  for (const int64_t value : values) all += number(value);
  return all + "t";
}
// A dictionary of texts and what is pickled behind them.
inline std::string dict_of(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string all = "}(";
  for (const auto& member : members) all += text(member.first) + member.second;
  return all + "u";
}

inline std::string storage(const std::string& key, int64_t elements, const std::string& type = "FloatStorage",
                           const std::string& more = "") {
  return tuple_of(
             {text("storage"), python_name("torch", type), text(key), text("cpu"), number(elements), more}) +
         "Q";
}
inline std::string tensor(const std::string& in_storage, int64_t begin, const std::vector<int64_t>& shape,
                          const std::vector<int64_t>& strides) {
  return python_name("torch._utils", "_rebuild_tensor_v2") +
         tuple_of({in_storage, number(begin), numbers(shape), numbers(strides), "\x89", ordered_dict()}) + "R";
}

// --- Zip archives ---

struct Member {
  std::string name, data;
  // What is wrong with it, in both headers or in the one that is named.
  uint64_t flags = 0, method = 0;
  std::string local_name = "";
  bool bad_crc = false;
  int64_t size_change = 0;   // of the directory's uncompressed size
  int64_t local_change = 0;  // of where the directory says its header is
  uint64_t attributes = 0;   // the directory's
};

struct Zip {
  std::vector<Member> members;
  uint64_t count_change = 0;
  bool zip64 = false;
  std::string comment = "";

  Bytes bytes() const {
    std::string file, directory;
    for (const Member& member : members) {
      const uint32_t crc = ipa::crc32(0, member.data.data(), member.data.size()) + (member.bad_crc ? 1 : 0);
      const std::string local = member.local_name.empty() ? member.name : member.local_name;
      const std::string kind =
          little(member.flags, 2) + little(member.method, 2) + little(0, 4) + little(crc, 4);
      const uint64_t size = member.data.size();
      const uint64_t at = file.size();
      file += "PK\x03\x04" + little(0, 2) + kind + little(size, 4) + little(size, 4) + little(local.size(), 2) +
              little(0, 2) + local + member.data;
      const uint64_t begin = at + static_cast<uint64_t>(member.local_change);
      const uint64_t told = size + static_cast<uint64_t>(member.size_change);
      const std::string extra =
          zip64 ? little(1, 2) + little(24, 2) + little(told, 8) + little(size, 8) + little(begin, 8) : "";
      const auto narrow = [&](uint64_t value) { return little(zip64 ? 0xFFFFFFFF : value, 4); };
      directory += "PK\x01\x02" + little(0, 4) + kind + narrow(size) + narrow(told) +
                   little(member.name.size(), 2) + little(extra.size(), 2) + little(0, 6) +
                   little(member.attributes, 4) + narrow(begin) + member.name + extra;
    }
    const uint64_t count = members.size() + count_change, begin = file.size(), size = directory.size();
    file += directory;
    if (zip64) {
      const uint64_t end = file.size();
      file += "PK\x06\x06" + little(44, 8) + little(0, 12) + little(count, 8) + little(count, 8) +
              little(size, 8) + little(begin, 8);
      file += "PK\x06\x07" + little(0, 4) + little(end, 8) + little(1, 4);
    }
    file += "PK\x05\x06" + little(0, 4) + little(zip64 ? 0xFFFF : count, 2) +
            little(zip64 ? 0xFFFF : count, 2) + little(zip64 ? 0xFFFFFFFF : size, 4) +
            little(zip64 ? 0xFFFFFFFF : begin, 4) + little(comment.size(), 2) + comment;
    return Bytes(file.begin(), file.end());
  }
};

inline std::string floats(const std::vector<float>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
}

// A whole file around a pickle, whose storage 0 has the values 1, 2, 3, 4, 5, 6.
inline Zip zip_around(const std::string& pickle) {
  Zip zip;
  zip.members = {{"archive/data.pkl", pickle},
                 {"archive/byteorder", "little"},
                 {"archive/data/0", floats({1, 2, 3, 4, 5, 6})},
                 {"archive/version", "3\n"}};
  return zip;
}
inline Zip good_zip() {
  return zip_around(pickled(dict_of({{"w", tensor(storage("0", 6), 0, {2, 3}, {3, 1})}})));
}

// --- The older form ---

struct Legacy {
  std::string magic = raw("\x80\x02\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19.");
  std::string version = raw("\x80\x02M\xE9\x03.");
  std::string system = pickled(dict_of({{"little_endian", "\x88"}}));
  std::string object =
      pickled(dict_of({{"w", tensor(storage("7", 6, "FloatStorage", "N"), 0, {2, 3}, {3, 1})}}));
  std::string keys = pickled("](" + text("7") + "e");
  std::string data = little(6, 8) + floats({1, 2, 3, 4, 5, 6});

  Bytes bytes() const {
    const std::string file = magic + version + system + object + keys + data;
    return Bytes(file.begin(), file.end());
  }
};

}  // namespace ipa_test
