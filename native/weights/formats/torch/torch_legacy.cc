#include <algorithm>
#include <list>
#include <map>
#include <string_view>

#include "base/utf8.h"
#include "weights/formats/torch/torch_entries.h"
#include "weights/formats/torch/torch_layout.h"
#include "weights/formats/torch/torch_unpickler.h"

namespace ipa {
namespace {

constexpr std::string_view version("\x80\x02M\xE9\x03.", 6);  // the pickled integer 1001

// Pickles one after the other. How long they are is only known when they are read,
// so more of the file is taken as long as the current one has no end.
class PickleStream {
 public:
  explicit PickleStream(const ByteSource& file) : file_(file) {}

  // The next pickle, valid as long as the stream.
  Status next(TorchPickle* out) {
    constexpr uint64_t first_guess = uint64_t{1} << 16;
    for (uint64_t guess = first_guess;; guess *= 4) {
      const uint64_t bytes = std::min({guess, file_.size() - at_, max_pickle_bytes});
      texts_.emplace_back(static_cast<size_t>(bytes), '\0');
      IPA_TRY(file_.read_at(at_, &texts_.back()[0], texts_.back().size()));
      Result<TorchPickle> pickle = unpickle_torch(texts_.back(), TorchForm::legacy);
      if (pickle.ok()) {
        *out = pickle.take();
        at_ += out->bytes;
        return {};
      }
      if (pickle.status().code() != Code::truncated) return pickle.status();
      if (bytes == max_pickle_bytes)
        return Status(Code::limit, "its pickle has more bytes than " + std::to_string(max_pickle_bytes));
      if (bytes < guess) return pickle.status();
      texts_.pop_back();
    }
  }

  Status expect(std::string_view bytes, const char* what) {
    std::string text(bytes.size(), '\0');
    if (file_.size() - at_ < text.size())
      return Status(Code::truncated, std::string("ends before its ") + what);
    IPA_TRY(file_.read_at(at_, &text[0], text.size()));
    if (text != bytes)
      return Status(Code::unsupported, std::string("its ") + what + " is not that of torch.save");
    at_ += text.size();
    return {};
  }

  uint64_t at() const { return at_; }

 private:
  const ByteSource& file_;
  uint64_t at_ = 0;
  std::list<std::string> texts_;  // what the pickles' texts point into
};

Status check_system(const TorchPickle& system) {
  if (system.root.kind != PickleKind::dict)
    return Status(Code::syntax, "its description of the system is no dictionary");
  const std::vector<PickleValue>& items = system.containers[static_cast<size_t>(system.root.number)];
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    if (items[i].text == "little_endian" && items[i + 1].kind == PickleKind::boolean &&
        items[i + 1].number == 1)
      return {};
  }
  return Status(Code::unsupported, "its numbers are not little-endian, which cannot be read");
}

// Where each storage of `pickle` begins, from the list of their keys in file order.
Result<std::vector<StoragePlace>> locate_storages(const ByteSource& file, uint64_t at,
                                                  const TorchPickle& pickle, const TorchPickle& keys) {
  if (keys.root.kind != PickleKind::list) return Status(Code::syntax, "its list of storages is no list");
  std::map<std::string_view, size_t> index;
  for (size_t i = 0; i < pickle.storages.size(); ++i) index[pickle.storages[i].key] = i;
  std::vector<StoragePlace> places(pickle.storages.size());
  for (const PickleValue& key : keys.containers[static_cast<size_t>(keys.root.number)]) {
    const auto found = key.kind == PickleKind::text ? index.find(key.text) : index.end();
    if (found == index.end())
      return Status(Code::layout,
                    "its list of storages has " + in_quotes(key.text) + " twice, or without any tensor");
    const TorchStorage& storage = pickle.storages[found->second];
    uint8_t count[8];
    if (file.size() - at < sizeof count)
      return Status(Code::truncated, "ends before storage " + in_quotes(storage.key));
    IPA_TRY(file.read_at(at, count, sizeof count));
    at += sizeof count;
    uint64_t elements = 0;
    for (int i = 7; i >= 0; --i) elements = elements << 8 | count[i];
    if (elements != storage.elements)
      return Status(Code::layout, "storage " + in_quotes(storage.key) + " has " + std::to_string(elements) +
                                      " elements, its tensors say " + std::to_string(storage.elements));
    const uint64_t bytes = storage.elements * dtype_size(storage.type);
    if (file.size() - at < bytes)
      return Status(Code::truncated, "ends within storage " + in_quotes(storage.key));
    places[found->second].begin = at;
    at += bytes;
    index.erase(found);
  }
  if (!index.empty())
    return Status(Code::layout, "its list of storages lacks " + in_quotes(index.begin()->first));
  if (at != file.size()) return Status(Code::layout, "has bytes behind its last storage");
  return places;
}

}  // namespace

Result<TorchContents> read_torch_legacy(const ByteSource& file) {
  PickleStream stream(file);
  IPA_TRY(stream.expect(torch_legacy_magic, "magic number"));
  IPA_TRY(stream.expect(version, "format version"));
  TorchPickle system, pickle, keys;
  IPA_TRY(stream.next(&system));
  IPA_TRY(check_system(system));
  IPA_TRY(stream.next(&pickle));
  IPA_TRY(stream.next(&keys));
  IPA_ASSIGN(const std::vector<StoragePlace> places, locate_storages(file, stream.at(), pickle, keys));
  return torch_contents(pickle, places);
}

}  // namespace ipa
