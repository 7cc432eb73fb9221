#include <map>
#include <string_view>

#include "base/utf8.h"
#include "weights/formats/torch/torch_entries.h"
#include "weights/formats/torch/torch_layout.h"
#include "weights/formats/torch/torch_unpickler.h"
#include "weights/formats/torch/zip_directory.h"

namespace ipa {
namespace {

constexpr uint64_t max_text_bytes = 1024;

// Members by their name without the archive's own folder, which all have in common.
class Archive {
 public:
  explicit Archive(const ByteSource& file) : file_(file) {}

  Status open() {
    IPA_ASSIGN(members_, read_zip_directory(file_));
    if (members_.empty()) return Status(Code::unsupported, "is an empty zip archive");
    const std::string prefix = members_[0].name.substr(0, members_[0].name.find('/') + 1);
    for (size_t i = 0; i < members_.size(); ++i) {
      const std::string& name = members_[i].name;
      if (prefix.empty() || name.compare(0, prefix.size(), prefix) != 0)
        return Status(Code::unsupported, "is a zip archive, but not of torch.save: member " + in_quotes(name) +
                                             " is not in the archive's one folder");
      const std::string inner = name.substr(prefix.size());
      if (inner == "constants.pkl" || inner.compare(0, 5, "code/") == 0)
        return Status(Code::unsupported,
                      "is a TorchScript program, not plain weights: save the module's state_dict");
      index_[inner] = i;
    }
    return {};
  }

  const ZipMember* find(const std::string& name) const {
    const auto found = index_.find(name);
    return found == index_.end() ? nullptr : &members_[found->second];
  }

  // A member's text, "" when there is none.
  Result<std::string> text(const std::string& name, uint64_t max_bytes) const {
    const ZipMember* member = find(name);
    return member ? read_zip_member(file_, *member, max_bytes) : std::string();
  }

 private:
  const ByteSource& file_;
  std::vector<ZipMember> members_;
  std::map<std::string, size_t> index_;
};

Status check_version(const Archive& archive) {
  IPA_ASSIGN(const std::string order, archive.text("byteorder", max_text_bytes));
  if (archive.find("byteorder") && order != "little")
    return Status(Code::unsupported,
                  "its numbers are " + in_quotes(order) + "-endian, only little-endian can be read");
  IPA_ASSIGN(std::string version, archive.text("version", max_text_bytes));
  while (!version.empty() && version.back() == '\n') version.pop_back();
  // 1 to 10 is what PyTorch reads.
  const bool known = version == "10" || (version.size() == 1 && version[0] >= '1' && version[0] <= '9');
  if (!known) return Status(Code::unsupported, "its format version " + in_quotes(version) + " is not known");
  return {};
}

}  // namespace

Result<TorchContents> read_torch_zip(const ByteSource& file) {
  Archive archive(file);
  IPA_TRY(archive.open());
  if (!archive.find("data.pkl"))
    return Status(Code::unsupported, "is a zip archive, but not of torch.save: it has no data.pkl");
  IPA_TRY(check_version(archive));
  IPA_ASSIGN(const std::string text, archive.text("data.pkl", max_pickle_bytes));
  IPA_ASSIGN(const TorchPickle pickle, unpickle_torch(text, TorchForm::zip));
  if (pickle.bytes != text.size()) return Status(Code::syntax, "its pickle has bytes behind its end");
  std::vector<StoragePlace> places;
  for (const TorchStorage& storage : pickle.storages) {
    const ZipMember* member = archive.find("data/" + storage.key);
    if (!member)
      return Status(Code::range, "there is no storage " + in_quotes(storage.key) + " in the archive");
    if (member->bytes != storage.elements * dtype_size(storage.type))
      return Status(Code::layout, "storage " + in_quotes(storage.key) + " has " +
                                      std::to_string(member->bytes) + " bytes, its " +
                                      std::to_string(storage.elements) + " elements of type " +
                                      dtype_name(storage.type) + " take another number");
    places.push_back({member->begin, member->crc});
  }
  return torch_contents(pickle, places);
}

}  // namespace ipa
