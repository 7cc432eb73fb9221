#include "weights/formats/torch/zip_directory.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include "base/crc32.h"
#include "base/utf8.h"

namespace ipa {
namespace {

constexpr uint64_t end_bytes = 22, zip64_locator_bytes = 20, zip64_end_bytes = 56;
constexpr size_t central_bytes = 46, local_bytes = 30;
constexpr uint64_t all_ones16 = 0xFFFF, all_ones32 = 0xFFFFFFFF;

Status layout(const std::string& what) {
  return Status(Code::layout, "its zip directory is malformed: " + what);
}

// Little-endian fields of a record. The caller has checked the record's length.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : bytes_(bytes) {}
  uint64_t at(size_t offset, size_t size) const {
    uint64_t value = 0;
    for (size_t i = size; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes_[offset + i]);
    return value;
  }
  uint64_t u16(size_t offset) const { return at(offset, 2); }
  uint64_t u32(size_t offset) const { return at(offset, 4); }
  uint64_t u64(size_t offset) const { return at(offset, 8); }
  bool begins(const char* signature) const { return bytes_.substr(0, 4) == std::string_view(signature, 4); }

 private:
  std::string_view bytes_;
};

Result<std::string> read_bytes(const ByteSource& file, uint64_t offset, uint64_t bytes) {
  std::string text(static_cast<size_t>(bytes), '\0');
  IPA_TRY(file.read_at(offset, &text[0], text.size()));
  return text;
}

struct Directory {
  uint64_t begin = 0, bytes = 0, members = 0;
};

// The directory's place, from the record at the end of the file and, where there is one, its zip64 extension.
Result<Directory> find_directory(const ByteSource& file) {
  if (file.size() < end_bytes) return Status(Code::truncated, "too short for a zip archive");
  uint64_t end = file.size() - end_bytes;
  IPA_ASSIGN(const std::string record, read_bytes(file, end, end_bytes));
  const Fields last(record);
  if (!last.begins("PK\x05\x06") || last.u16(20) != 0) {
    return Status(Code::truncated,
                  "does not end as a zip archive does: it is cut short, or something was added to it");
  }
  Directory directory{last.u32(16), last.u32(12), last.u16(10)};
  if (last.u16(4) != 0 || last.u16(6) != 0 || last.u16(8) != last.u16(10))
    return Status(Code::unsupported, "is a zip archive in several parts");
  std::string locator_record;
  if (end >= zip64_locator_bytes) {
    IPA_ASSIGN(locator_record, read_bytes(file, end - zip64_locator_bytes, zip64_locator_bytes));
  }
  if (!locator_record.empty() && Fields(locator_record).begins("PK\x06\x07")) {
    const Fields locator(locator_record);
    end -= zip64_locator_bytes;
    if (end < zip64_end_bytes || locator.u64(8) != end - zip64_end_bytes || locator.u32(4) != 0)
      return layout("its zip64 record is not where it should be");
    end -= zip64_end_bytes;
    IPA_ASSIGN(const std::string zip64_record, read_bytes(file, end, zip64_end_bytes));
    const Fields zip64(zip64_record);
    if (!zip64.begins("PK\x06\x06") || zip64.u64(4) != zip64_end_bytes - 12 || zip64.u32(16) != 0 ||
        zip64.u32(20) != 0 || zip64.u64(24) != zip64.u64(32)) {
      return layout("its zip64 record is not as it should be");
    }
    const Directory wide{zip64.u64(48), zip64.u64(40), zip64.u64(32)};
    const auto agree = [](uint64_t narrow, uint64_t value, uint64_t ones) {
      return narrow == ones || narrow == value;
    };
    if (!agree(directory.begin, wide.begin, all_ones32) || !agree(directory.bytes, wide.bytes, all_ones32) ||
        !agree(directory.members, wide.members, all_ones16)) {
      return layout("its two ends disagree");
    }
    directory = wide;
  }
  if (directory.members > ZipLimits::members)
    return Status(Code::limit, "has more members than " + std::to_string(ZipLimits::members));
  if (directory.bytes > ZipLimits::directory_bytes)
    return Status(Code::limit,
                  "its zip directory has more bytes than " + std::to_string(ZipLimits::directory_bytes));
  if (directory.begin > end || directory.bytes != end - directory.begin)
    return layout("it does not reach from where it says to the end of the file");
  return directory;
}

bool is_plain_path(std::string_view name) {
  if (name.empty() || name.front() == '/' || name.size() > ZipLimits::name_bytes) return false;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == '\\') return false;
  }
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('/', begin), name.size());
    if (name.substr(begin, end - begin) == "..") return false;
    begin = end + 1;
  }
  return true;
}

// Replaces those sizes that are all ones by the zip64 extension's.
Status widen(std::string_view extra, uint64_t* bytes, uint64_t* packed, uint64_t* local) {
  while (extra.size() >= 4) {
    const Fields head(extra);
    const uint64_t id = head.u16(0), size = head.u16(2);
    if (size > extra.size() - 4) return layout("an extension is longer than its room");
    if (id == 1) {
      std::string_view data = extra.substr(4, static_cast<size_t>(size));
      for (uint64_t* field : {bytes, packed, local}) {
        if (*field != all_ones32) continue;
        if (data.size() < 8) return layout("a zip64 extension lacks a size");
        *field = Fields(data).u64(0);
        data.remove_prefix(8);
      }
      return {};
    }
    extra.remove_prefix(static_cast<size_t>(size) + 4);
  }
  return {};
}

Status check_kind(const std::string& name, uint64_t flags, uint64_t method) {
  constexpr uint64_t sizes_follow = 1 << 3, utf8_names = 1 << 11;
  if (method != 0)
    return Status(Code::unsupported,
                  "member " + in_quotes(name) + " is compressed: save it again with torch.save");
  if ((flags & ~(sizes_follow | utf8_names)) != 0)
    return Status(Code::unsupported,
                  "member " + in_quotes(name) + " is encrypted, patched or of another unknown kind");
  return {};
}

// Sets `begin` of a member whose local header is at `local`.
Status locate(const ByteSource& file, uint64_t local, uint64_t directory_begin, uint64_t flags,
              ZipMember* member) {
  if (local > directory_begin || directory_begin - local < local_bytes + member->name.size())
    return Status(Code::range, "member " + in_quotes(member->name) + " lies outside of the file");
  IPA_ASSIGN(const std::string header, read_bytes(file, local, local_bytes + member->name.size()));
  const Fields fields(header);
  if (!fields.begins("PK\x03\x04") || fields.u16(6) != flags || fields.u16(8) != 0 ||
      fields.u16(26) != member->name.size() ||
      header.compare(local_bytes, std::string::npos, member->name) != 0) {
    return Status(Code::layout, "member " + in_quotes(member->name) + " and the directory disagree");
  }
  for (const size_t at : {size_t{18}, size_t{22}}) {
    // 0: the sizes follow the data; all ones: they are in an extension.
    if (fields.u32(at) != member->bytes && fields.u32(at) != 0 && fields.u32(at) != all_ones32)
      return Status(Code::layout,
                    "member " + in_quotes(member->name) + " and the directory disagree on its size");
  }
  const uint64_t head = local_bytes + member->name.size() + fields.u16(28);
  if (head > directory_begin - local || member->bytes > directory_begin - local - head)
    return Status(Code::range, "member " + in_quotes(member->name) + " lies outside of the file");
  member->begin = local + head;
  return {};
}

}  // namespace

Result<std::vector<ZipMember>> read_zip_directory(const ByteSource& file) {
  IPA_ASSIGN(const Directory directory, find_directory(file));
  IPA_ASSIGN(const std::string text, read_bytes(file, directory.begin, directory.bytes));
  std::vector<ZipMember> members;
  std::vector<std::pair<uint64_t, uint64_t>> ranges;  // header and data of each
  std::string_view rest = text;
  for (uint64_t i = 0; i < directory.members; ++i) {
    const Fields fields(rest);
    if (rest.size() < central_bytes || !fields.begins("PK\x01\x02"))
      return layout("it has fewer members than it says");
    const auto name_bytes = static_cast<size_t>(fields.u16(28)),
               extra_bytes = static_cast<size_t>(fields.u16(30)),
               comment_bytes = static_cast<size_t>(fields.u16(32));
    if (rest.size() - central_bytes < name_bytes + extra_bytes + comment_bytes)
      return layout("a member's name does not fit");
    ZipMember member;
    member.name = rest.substr(central_bytes, name_bytes);
    if (!is_plain_path(member.name))
      return Status(Code::range, "member name " + in_quotes(member.name) + " is no plain relative path");
    IPA_TRY(check_kind(member.name, fields.u16(8), fields.u16(10)));
    member.crc = static_cast<uint32_t>(fields.u32(16));
    member.bytes = fields.u32(24);
    uint64_t packed = fields.u32(20), local = fields.u32(42);
    IPA_TRY(widen(rest.substr(central_bytes + name_bytes, extra_bytes), &member.bytes, &packed, &local));
    if (packed != member.bytes || fields.u16(34) != 0)
      return layout("member " + in_quotes(member.name) + " is stored, but has two sizes");
    // PyTorch takes what is marked as a folder for empty, whatever it holds.
    constexpr uint64_t folder_attribute = 0x10;
    if ((fields.u32(38) & folder_attribute) != 0 && member.bytes != 0)
      return layout("member " + in_quotes(member.name) + " is marked as a folder, but has data");
    IPA_TRY(locate(file, local, directory.begin, fields.u16(8), &member));
    ranges.emplace_back(local, member.begin + member.bytes);
    members.push_back(std::move(member));
    rest.remove_prefix(central_bytes + name_bytes + extra_bytes + comment_bytes);
  }
  if (!rest.empty()) return layout("it has more members than it says");
  std::sort(ranges.begin(), ranges.end());
  for (size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i].first < ranges[i - 1].second) return layout("two members overlap");
  }
  std::vector<std::string_view> names;
  for (const ZipMember& member : members) names.push_back(member.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) return Status(Code::duplicate, "member " + in_quotes(*twice) + " is there twice");
  return members;
}

Result<std::string> read_zip_member(const ByteSource& file, const ZipMember& member, uint64_t max_bytes) {
  if (member.bytes > max_bytes)
    return Status(Code::limit,
                  "member " + in_quotes(member.name) + " has more bytes than " + std::to_string(max_bytes));
  IPA_ASSIGN(std::string text, read_bytes(file, member.begin, member.bytes));
  if (member.crc != 0 && member.crc != crc32(0, text.data(), text.size()))
    return Status(Code::layout,
                  "member " + in_quotes(member.name) + " does not match its checksum: get the file again");
  return text;
}

}  // namespace ipa
