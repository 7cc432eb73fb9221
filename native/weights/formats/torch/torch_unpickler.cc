#include "weights/formats/torch/torch_unpickler.h"

#include <map>
#include <set>
#include <utility>

#include "base/utf8.h"
#include "weights/formats/safetensors/safetensors_header.h"
#include "weights/formats/torch/pickle_opcodes.h"
#include "weights/formats/torch/torch_names.h"

namespace ipa {
namespace {

Status syntax(const std::string& what) { return Status(Code::syntax, "its pickle is malformed: " + what); }

Status too_many(const char* what, size_t most) {
  return Status(Code::limit, std::string("its pickle has more ") + what + " than " + std::to_string(most));
}

uint64_t little_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

// Two's complement of up to eight bytes.
int64_t signed_little_endian(std::string_view bytes) {
  uint64_t value = little_endian(bytes);
  const bool negative = !bytes.empty() && (static_cast<uint8_t>(bytes.back()) & 0x80) != 0;
  if (negative && bytes.size() < 8) value |= ~uint64_t{0} << (8 * bytes.size());
  return static_cast<int64_t>(value);
}

bool is_key(std::string_view text) {
  if (text.empty() || text.size() > 20) return false;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
  }
  return true;
}

// Python also takes tuples and tensors as keys, which no file of weights has.
bool can_be_key(PickleKind kind) {
  switch (kind) {
    case PickleKind::none:
    case PickleKind::boolean:
    case PickleKind::integer:
    case PickleKind::real:
    case PickleKind::text:
    case PickleKind::name: return true;
    default: return false;
  }
}

class Unpickler {
 public:
  Unpickler(std::string_view bytes, TorchForm form) : bytes_(bytes), form_(form) {}

  Status run() {
    std::string_view start;
    IPA_TRY(take(2, &start));
    if (static_cast<uint8_t>(start[0]) != opcode::proto)
      return Status(Code::unsupported, "its pickle has no protocol number; torch.save writes protocol 2");
    if (start[1] != 2) {
      return Status(Code::unsupported, "its pickle has protocol " +
                                           std::to_string(static_cast<uint8_t>(start[1])) +
                                           ", which cannot be read: save it with torch.save's own, 2");
    }
    for (size_t count = 0;; ++count) {
      if (count == PickleLimits::opcodes) return too_many("opcodes", PickleLimits::opcodes);
      std::string_view code;
      IPA_TRY(take(1, &code));
      if (static_cast<uint8_t>(code[0]) == opcode::stop) break;
      IPA_TRY(step(static_cast<uint8_t>(code[0])));
    }
    IPA_TRY(pop(&out_.root));
    if (!stack_.empty() || !marks_.empty()) return syntax("values are left when it stops");
    out_.bytes = at_;
    return {};
  }

  TorchPickle take_result() { return std::move(out_); }

 private:
  using Items = std::vector<PickleValue>;

  Status take(size_t count, std::string_view* out) {
    if (bytes_.size() - at_ < count) return Status(Code::truncated, "its pickle is cut short");
    *out = bytes_.substr(at_, count);
    at_ += count;
    return {};
  }
  Status take_number(size_t count, uint64_t* out) {
    std::string_view bytes;
    IPA_TRY(take(count, &bytes));
    *out = little_endian(bytes);
    return {};
  }
  Status take_line(std::string_view* out) {
    constexpr size_t longest = 1024;
    const std::string_view rest = bytes_.substr(at_, longest);
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) {
      if (rest.size() < longest) return Status(Code::truncated, "its pickle is cut short");
      return Status(Code::limit, "its pickle has a name of more than " + std::to_string(longest) + " bytes");
    }
    *out = rest.substr(0, end);
    at_ += end + 1;
    return {};
  }

  // Values that the opcodes since the last mark may use.
  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  Status push(PickleValue value) {
    if (stack_.size() == PickleLimits::stack) return too_many("values on its stack", PickleLimits::stack);
    stack_.push_back(value);
    return {};
  }
  Status push(PickleKind kind, int64_t number = 0) {
    PickleValue value;
    value.kind = kind;
    value.number = number;
    return push(value);
  }
  Status push_text(std::string_view text) {
    if (find_invalid_utf8(text) != std::string_view::npos)
      return Status(Code::utf8, "its pickle has a text that is not UTF-8: " + in_quotes(text));
    PickleValue value;
    value.kind = PickleKind::text;
    value.text = text;
    return push(value);
  }
  Status push_container(PickleKind kind, Items items) {
    if (out_.containers.size() == PickleLimits::containers)
      return too_many("tuples, lists and dictionaries", PickleLimits::containers);
    out_.containers.push_back(std::move(items));
    return push(kind, static_cast<int64_t>(out_.containers.size() - 1));
  }
  Status pop(PickleValue* out) {
    if (stack_.size() <= floor()) return syntax("a value is missing on its stack");
    *out = stack_.back();
    stack_.pop_back();
    return {};
  }
  Status peek(PickleValue* out) {
    if (stack_.size() <= floor()) return syntax("a value is missing on its stack");
    *out = stack_.back();
    return {};
  }
  Status pop_items(size_t count, Items* out) {
    if (stack_.size() - floor() < count) return syntax("a value is missing on its stack");
    out->assign(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return {};
  }
  Status pop_marked(Items* out) {
    if (marks_.empty()) return syntax("a mark is missing on its stack");
    IPA_TRY(pop_items(stack_.size() - marks_.back(), out));
    marks_.pop_back();
    return {};
  }
  Items& items_of(const PickleValue& value) { return out_.containers[static_cast<size_t>(value.number)]; }

  Status step(uint8_t code) {
    uint64_t number = 0;
    std::string_view bytes;
    Items items;
    switch (code) {
      case opcode::mark:
        if (marks_.size() == PickleLimits::marks) return too_many("open marks", PickleLimits::marks);
        marks_.push_back(stack_.size());
        return {};
      case opcode::empty_dict: return push_container(PickleKind::dict, {});
      case opcode::empty_list: return push_container(PickleKind::list, {});
      case opcode::empty_tuple: return push_container(PickleKind::tuple, {});
      case opcode::tuple: IPA_TRY(pop_marked(&items)); return push_container(PickleKind::tuple, items);
      case opcode::tuple1:
      case opcode::tuple2:
      case opcode::tuple3:
        IPA_TRY(pop_items(size_t{1} + code - opcode::tuple1, &items));
        return push_container(PickleKind::tuple, items);
      case opcode::none: return push(PickleKind::none);
      case opcode::newtrue: return push(PickleKind::boolean, 1);
      case opcode::newfalse: return push(PickleKind::boolean, 0);
      case opcode::binint: IPA_TRY(take(4, &bytes)); return push_integer(bytes);
      case opcode::binint1: IPA_TRY(take_number(1, &number)); return push_unsigned(number);
      case opcode::binint2: IPA_TRY(take_number(2, &number)); return push_unsigned(number);
      case opcode::long1:
        IPA_TRY(take_number(1, &number));
        if (number > 8) return Status(Code::limit, "its pickle has an integer of more than 64 bits");
        IPA_TRY(take(static_cast<size_t>(number), &bytes));
        return push_integer(bytes);
      case opcode::binfloat: IPA_TRY(take(8, &bytes)); return push(PickleKind::real);
      case opcode::binunicode:
        IPA_TRY(take_number(4, &number));
        if (number > PickleLimits::string_bytes) return too_many("bytes in a text", PickleLimits::string_bytes);
        IPA_TRY(take(static_cast<size_t>(number), &bytes));
        return push_text(bytes);
      case opcode::short_binstring:
        IPA_TRY(take_number(1, &number));
        IPA_TRY(take(static_cast<size_t>(number), &bytes));
        return push_text(bytes);
      case opcode::binput: IPA_TRY(take_number(1, &number)); return remember(number);
      case opcode::long_binput: IPA_TRY(take_number(4, &number)); return remember(number);
      case opcode::binget: IPA_TRY(take_number(1, &number)); return recall(number);
      case opcode::long_binget: IPA_TRY(take_number(4, &number)); return recall(number);
      case opcode::append: IPA_TRY(pop_items(1, &items)); return extend(PickleKind::list, items);
      case opcode::appends: IPA_TRY(pop_marked(&items)); return extend(PickleKind::list, items);
      case opcode::setitem: IPA_TRY(pop_items(2, &items)); return extend(PickleKind::dict, items);
      case opcode::setitems: IPA_TRY(pop_marked(&items)); return extend(PickleKind::dict, items);
      case opcode::global: return push_name();
      case opcode::reduce: return call();
      case opcode::build: return build();
      case opcode::newobj: return make_object();
      case opcode::binpersid: return refer_to_storage();
    }
    return Status(Code::unsupported, "its pickle has the opcode " + opcode_name(code) +
                                         ", which tensors do not need and which is not carried out; get the "
                                         ".safetensors file of the same model");
  }

  Status push_integer(std::string_view bytes) { return push(PickleKind::integer, signed_little_endian(bytes)); }
  Status push_unsigned(uint64_t number) { return push(PickleKind::integer, static_cast<int64_t>(number)); }

  Status remember(uint64_t index) {
    if (index >= PickleLimits::memo) return too_many("remembered values", PickleLimits::memo);
    PickleValue value;
    IPA_TRY(peek(&value));
    memo_[static_cast<uint32_t>(index)] = value;
    return {};
  }
  Status recall(uint64_t index) {
    const auto found = memo_.find(static_cast<uint32_t>(index));
    if (found == memo_.end()) return syntax("it refers to a value it has not had");
    return push(found->second);
  }

  // Adds to the list or dictionary on top of the stack.
  Status extend(PickleKind kind, const Items& items) {
    PickleValue target;
    IPA_TRY(peek(&target));
    if (target.kind != kind) return syntax("it adds items to what is no list or dictionary");
    if (kind == PickleKind::dict) {
      if (items.size() % 2 != 0) return syntax("a dictionary's key has no value");
      for (size_t i = 0; i < items.size(); i += 2) {
        if (!can_be_key(items[i].kind)) return syntax("a dictionary's key is of a kind that cannot be one");
      }
    }
    Items& all = items_of(target);
    all.insert(all.end(), items.begin(), items.end());
    return {};
  }

  Status push_name() {
    std::string_view module, name;
    IPA_TRY(take_line(&module));
    IPA_TRY(take_line(&name));
    PickleValue value;
    value.kind = PickleKind::name;
    value.name = find_torch_name(module, name);
    if (!value.name) {
      return Status(Code::unsupported,
                    "its pickle asks for the Python name " +
                        in_quotes(std::string(module) + "." + std::string(name)) +
                        ", which plain tensors do not need and which is never run here; get the .safetensors "
                        "file of the same model, or save a dictionary of tensors alone");
    }
    return push(value);
  }

  Status call() {
    PickleValue arguments, callee;
    IPA_TRY(pop(&arguments));
    IPA_TRY(pop(&callee));
    if (callee.kind != PickleKind::name || arguments.kind != PickleKind::tuple)
      return syntax("it calls what cannot be called");
    return call(*callee.name, arguments, 0);
  }

  Status call(const TorchName& callee, const PickleValue& arguments, int depth) {
    const Items items = items_of(arguments);
    switch (callee.kind) {
      case TorchNameKind::ordered_dict:
        if (!items.empty()) break;
        return push_container(PickleKind::dict, {});
      case TorchNameKind::rebuild_tensor: return rebuild_tensor(items);
      case TorchNameKind::rebuild_tensor_of_type: return rebuild_tensor_of_type(items);
      case TorchNameKind::rebuild_parameter:
        if (items.empty() || items[0].kind != PickleKind::tensor) break;
        return push(items[0]);
      case TorchNameKind::rebuild_subclass:
        // (function, class, its arguments, attributes); one level, as torch.save writes it
        if (items.size() != 4 || items[0].kind != PickleKind::name || items[2].kind != PickleKind::tuple ||
            depth > 0)
          break;
        return call(*items[0].name, items[2], depth + 1);
      case TorchNameKind::size:
        if (items.size() != 1 || items[0].kind != PickleKind::tuple) break;
        return push(items[0]);
      case TorchNameKind::inert: return push(PickleKind::opaque);
      case TorchNameKind::unreadable: return unreadable(callee);
      case TorchNameKind::parameter_dict:
      case TorchNameKind::element_type:
      case TorchNameKind::storage: break;
    }
    return syntax(std::string(callee.name) + " is called with arguments that torch.save does not write");
  }

  static Status unreadable(const TorchName& name) {
    return Status(Code::unsupported, "it holds a tensor of a kind that cannot be read (" +
                                         std::string(name.module) + "." + std::string(name.name) +
                                         "): save ordinary tensors, dequantised, dense and real, in its place");
  }

  // A class and its arguments; only of one class there are objects.
  Status make_object() {
    PickleValue arguments, type;
    IPA_TRY(pop(&arguments));
    IPA_TRY(pop(&type));
    if (type.kind != PickleKind::name || arguments.kind != PickleKind::tuple)
      return syntax("it makes an object of what is no class");
    if (type.name->kind == TorchNameKind::inert) return push(PickleKind::opaque);
    if (type.name->kind == TorchNameKind::rebuild_parameter) return call(*type.name, arguments, 0);
    if (type.name->kind != TorchNameKind::parameter_dict || !items_of(arguments).empty())
      return syntax("it makes an object that torch.save does not write");
    IPA_TRY(push_container(PickleKind::dict, {}));
    parameter_dicts_.insert(stack_.back().number);
    return {};
  }

  // Attributes are dropped: they are a state_dict's `_metadata`, or belong to inert objects.
  // Those of a dictionary of parameters have its members.
  Status build() {
    PickleValue state, target;
    IPA_TRY(pop(&state));
    IPA_TRY(peek(&target));
    if (target.kind == PickleKind::opaque) return {};
    if (target.kind != PickleKind::dict || state.kind != PickleKind::dict)
      return syntax("it sets attributes of what has none");
    if (!parameter_dicts_.count(target.number)) return {};
    const Items attributes = items_of(state);
    for (size_t i = 0; i + 1 < attributes.size(); i += 2) {
      const PickleValue &name = attributes[i], &value = attributes[i + 1];
      if (name.kind != PickleKind::text || name.text != "_parameters" || value.kind != PickleKind::dict)
        continue;
      const Items members = items_of(value);
      IPA_TRY(extend(PickleKind::dict, members));
    }
    return {};
  }

  bool is_empty_dict(const PickleValue& value) {
    return value.kind == PickleKind::dict && items_of(value).empty();
  }

  // ("storage", type, key, location, elements), and in the legacy form a sixth:
  // None, or (key of a view, begin, elements).
  Status refer_to_storage() {
    PickleValue id;
    IPA_TRY(pop(&id));
    if (id.kind != PickleKind::tuple) return syntax("a reference to a storage is no tuple");
    const Items& items = items_of(id);
    if (items.empty() || items[0].kind != PickleKind::text)
      return syntax("a reference to a storage does not say what it is");
    if (items[0].text != "storage")
      return Status(Code::unsupported, "its pickle refers to " + in_quotes(items[0].text) +
                                           " outside of it, which cannot be read; only tensors can");
    if (items.size() > 1 && items[1].kind == PickleKind::name &&
        items[1].name->kind == TorchNameKind::unreadable)
      return unreadable(*items[1].name);
    if (items.size() != (form_ == TorchForm::zip ? 5u : 6u) || items[1].kind != PickleKind::name ||
        items[1].name->kind != TorchNameKind::storage || items[2].kind != PickleKind::text ||
        items[3].kind != PickleKind::text || items[4].kind != PickleKind::integer) {
      return syntax("a reference to a storage is not as torch.save writes it");
    }
    if (!is_key(items[2].text))
      return Status(Code::range, "storage key " + in_quotes(items[2].text) + " is no number");
    if (items[4].number < 0)
      return Status(Code::range, "storage " + in_quotes(items[2].text) + " has a negative size");
    TorchStoragePart part;
    part.elements = static_cast<uint64_t>(items[4].number);
    IPA_ASSIGN(part.storage, storage_of(items[2].text, items[1].name->type, part.elements));
    if (form_ == TorchForm::legacy) IPA_TRY(narrow(items[5], &part));
    if (out_.parts.size() == PickleLimits::containers)
      return too_many("references to storages", PickleLimits::containers);
    out_.parts.push_back(part);
    return push(PickleKind::storage, static_cast<int64_t>(out_.parts.size() - 1));
  }

  Result<size_t> storage_of(std::string_view key, DType type, uint64_t elements) {
    if (elements > (uint64_t{1} << 62) / dtype_size(type))
      return Status(Code::overflow, "storage " + in_quotes(key) + " is larger than any file");
    const auto found = storage_index_.find(key);
    if (found != storage_index_.end()) {
      const TorchStorage& storage = out_.storages[found->second];
      if (storage.type != type || storage.elements != elements)
        return Status(Code::mismatch, "storage " + in_quotes(key) + " is there with two types or sizes");
      return found->second;
    }
    if (out_.storages.size() == SafetensorsLimits::tensors)
      return too_many("storages", SafetensorsLimits::tensors);
    out_.storages.push_back({std::string(key), type, elements});
    storage_index_[key] = out_.storages.size() - 1;
    return out_.storages.size() - 1;
  }

  Status narrow(const PickleValue& view, TorchStoragePart* part) {
    if (view.kind == PickleKind::none) return {};
    if (view.kind != PickleKind::tuple) return syntax("a view of a storage is no tuple");
    const Items& items = items_of(view);
    if (items.size() != 3 || items[0].kind != PickleKind::text || items[1].kind != PickleKind::integer ||
        items[2].kind != PickleKind::integer) {
      return syntax("a view of a storage is not as torch.save writes it");
    }
    const int64_t begin = items[1].number, elements = items[2].number;
    if (begin < 0 || elements < 0 || static_cast<uint64_t>(begin) > part->elements ||
        static_cast<uint64_t>(elements) > part->elements - static_cast<uint64_t>(begin)) {
      return Status(Code::range, "a view reaches beyond its storage");
    }
    part->begin = static_cast<uint64_t>(begin);
    part->elements = static_cast<uint64_t>(elements);
    return {};
  }

  Status read_sizes(const PickleValue& value, const char* what, std::vector<int64_t>* out) {
    if (value.kind != PickleKind::tuple) return syntax(std::string("a tensor's ") + what + " are no tuple");
    const Items& items = items_of(value);
    if (items.size() > SafetensorsLimits::rank)
      return Status(Code::limit, "a tensor has " + std::to_string(items.size()) + " dimensions, more than " +
                                     std::to_string(SafetensorsLimits::rank));
    for (const PickleValue& item : items) {
      if (item.kind != PickleKind::integer)
        return syntax(std::string("a tensor's ") + what + " are no integers");
      if (item.number < 0) return Status(Code::range, std::string("a tensor's ") + what + " are negative");
      out->push_back(item.number);
    }
    return {};
  }

  // (storage, begin, shape, strides[, requires_grad, hooks[, metadata]])
  Status rebuild_tensor(const Items& items) {
    const bool whole = items.size() == 6 || items.size() == 7;
    if ((!whole && items.size() != 4) || !is_tensor_start(items) ||
        (whole && (items[4].kind != PickleKind::boolean || !is_empty_dict(items[5]))))
      return syntax("a tensor is not as torch.save writes it");
    IPA_TRY(check_metadata(items, 6));
    const TorchStoragePart& part = out_.parts[static_cast<size_t>(items[0].number)];
    return add_tensor(items, out_.storages[part.storage].type, part);
  }

  // (storage of bytes, begin, shape, strides, requires_grad, hooks, type[, metadata])
  Status rebuild_tensor_of_type(const Items& items) {
    if ((items.size() != 7 && items.size() != 8) || !is_tensor_start(items) ||
        items[4].kind != PickleKind::boolean || !is_empty_dict(items[5]) || items[6].kind != PickleKind::name)
      return syntax("a tensor is not as torch.save writes it");
    IPA_TRY(check_metadata(items, 7));
    const TorchName& type = *items[6].name;
    if (type.kind != TorchNameKind::element_type || dtype_size(type.type) == 0) return unreadable(type);
    TorchStoragePart part = out_.parts[static_cast<size_t>(items[0].number)];
    if (out_.storages[part.storage].type != DType::u8 || part.begin != 0)
      return syntax("a tensor with a type of its own is not in a storage of bytes");
    part.elements /= dtype_size(type.type);
    return add_tensor(items, type.type, part);
  }

  static bool is_tensor_start(const Items& items) {
    return items[0].kind == PickleKind::storage && items[1].kind == PickleKind::integer;
  }

  Status check_metadata(const Items& items, size_t at) {
    if (items.size() <= at || items[at].kind == PickleKind::none || is_empty_dict(items[at])) return {};
    return Status(Code::unsupported,
                  "a tensor has metadata that changes its values (such as a pending conjugation)");
  }

  Status add_tensor(const Items& items, DType type, const TorchStoragePart& part) {
    TorchTensor tensor;
    tensor.storage = part.storage;
    tensor.type = type;
    IPA_TRY(read_sizes(items[2], "sizes", &tensor.shape));
    IPA_TRY(read_sizes(items[3], "strides", &tensor.strides));
    if (items[1].number < 0) return Status(Code::range, "a tensor begins before its storage");
    IPA_TRY(check_extent(tensor, static_cast<uint64_t>(items[1].number), part.elements));
    tensor.begin = part.begin + static_cast<uint64_t>(items[1].number);
    if (out_.tensors.size() == SafetensorsLimits::tensors)
      return too_many("tensors", SafetensorsLimits::tensors);
    out_.tensors.push_back(std::move(tensor));
    return push(PickleKind::tensor, static_cast<int64_t>(out_.tensors.size() - 1));
  }

  // Whether a tensor that begins at `begin` lies within `elements`.
  static Status check_extent(const TorchTensor& tensor, uint64_t begin, uint64_t elements) {
    if (tensor.shape.size() != tensor.strides.size())
      return syntax("a tensor has another number of strides than of dimensions");
    if (begin > elements) return Status(Code::range, "a tensor begins beyond its storage");
    bool empty = false;
    uint64_t others = 1;  // product of the sizes that are not 0
    for (const int64_t size : tensor.shape) {
      empty = empty || size == 0;
      if (size > 0 && static_cast<uint64_t>(size) > (uint64_t{1} << 60) / others)
        return Status(Code::overflow, "a tensor's sizes are larger than any file");
      others *= size > 0 ? static_cast<uint64_t>(size) : 1;
    }
    if (empty) return {};
    uint64_t count = 1, last = begin;
    for (size_t i = 0; i < tensor.shape.size(); ++i) {
      const auto size = static_cast<uint64_t>(tensor.shape[i]);
      const auto stride = static_cast<uint64_t>(tensor.strides[i]);
      // Each value is stored once at most: sizes cannot promise more than the file has.
      if (size > elements / count)
        return Status(Code::limit,
                      "a tensor has more elements than its storage: call .contiguous() on it before saving");
      count *= size;
      if (size > 1 && stride > (elements - last) / (size - 1))
        return Status(Code::range, "a tensor reaches beyond its storage");
      last += size > 1 ? (size - 1) * stride : 0;
    }
    if (last >= elements) return Status(Code::range, "a tensor reaches beyond its storage");
    return {};
  }

  std::string_view bytes_;
  TorchForm form_;
  size_t at_ = 0;
  Items stack_;
  std::vector<size_t> marks_;             // heights of the stack
  std::map<uint32_t, PickleValue> memo_;  // a tree: indices are the file's choice
  std::map<std::string_view, size_t> storage_index_;
  std::set<int64_t> parameter_dicts_;  // among the containers
  TorchPickle out_;
};

}  // namespace

Result<TorchPickle> unpickle_torch(std::string_view bytes, TorchForm form) {
  Unpickler unpickler(bytes, form);
  IPA_TRY(unpickler.run());
  return unpickler.take_result();
}

}  // namespace ipa
