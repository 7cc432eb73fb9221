// Every kind of bad PyTorch file with the exact code it must give, and thousands of damaged ones.
#include <cstring>
#include <random>

#include "torch_build.h"
#include "weights/formats/safetensors/safetensors.h"
#include "weights/formats/torch/torch_file.h"

using ipa::Code;
using namespace ipa_test;

namespace {

void expect_code(int line, const Bytes& bytes, Code code, const std::string& says = "") {
  const ipa::Status status = ipa::open_torch_bytes(bytes, "test").status();
  if (status.code() != code) {
    fail(__FILE__, line,
         std::string("expected ") + ipa::error_name(code) + ", got " + ipa::error_name(status.code()) + " " +
             status.message());
  } else if (status.message().find(says) == std::string::npos) {
    fail(__FILE__, line, "the message does not say " + says + ": " + status.message());
  } else if (!status.ok() && status.message().find("\"test\"") == std::string::npos) {
    fail(__FILE__, line, "the message does not name the file: " + status.message());
  }
}
// `body` without protocol and STOP.
Bytes with_pickle(const std::string& body) { return zip_around(pickled(body)).bytes(); }
Bytes with_tensor(const std::string& in_storage, int64_t begin, const std::vector<int64_t>& shape,
                  const std::vector<int64_t>& strides) {
  return with_pickle(dict_of({{"w", tensor(in_storage, begin, shape, strides)}}));
}
#define EXPECT(bytes, ...) expect_code(__LINE__, bytes, __VA_ARGS__)

std::string repeated(const std::string& text, size_t count) {
  std::string all;
  for (size_t i = 0; i < count; ++i) all += text;
  return all;
}

}  // namespace

TEST_ONCE(weights_torch_refuses_python_names) {
  // Attacks that scanners of pickles were made for, and how they were passed by.
  const std::pair<const char*, const char*> names[] = {
      {"os", "system"},
      {"posix", "system"},
      {"nt", "system"},
      {"builtins", "eval"},
      {"builtins", "exec"},
      {"builtins", "getattr"},
      {"builtins", "__import__"},
      {"__builtin__", "eval"},
      {"subprocess", "Popen"},
      {"subprocess", "check_output"},
      {"socket", "create_connection"},
      {"webbrowser", "open"},
      {"importlib", "import_module"},
      {"runpy", "_run_code"},
      {"operator", "attrgetter"},
      {"operator", "methodcaller"},
      {"functools", "partial"},
      {"pickle", "loads"},
      {"marshal", "loads"},
      {"types", "CodeType"},
      {"code", "InteractiveInterpreter"},
      {"bdb", "Bdb"},
      {"pdb", "run"},
      {"pip", "main"},
      {"timeit", "timeit"},
      {"cProfile", "runctx"},
      {"profile", "Profile.run"},
      {"asyncio.unix_events", "_UnixSubprocessTransport._start"},
      {"ctypes", "CDLL"},
      {"numpy.testing._private.utils", "runstring"},
      {"numpy.f2py.crackfortran", "getlincoef"},
      {"idlelib.run", "Executive.runcode"},
      {"lib2to3.pgen2.grammar", "Grammar.loads"},
      {"ensurepip", "_run_pip"},
      {"doctest", "debug_script"},
      {"trace", "Trace.run"},
      {"torch", "load"},
      {"torch.hub", "load"},
      {"torch._dynamo.guards", "GuardBuilder.get"},
      {"torch.jit.unsupported_tensor_ops", "execWrapper"},
      {"torch.utils.bottleneck.__main__", "run_cprofile"},
      {"torch.utils._config_module", "load_config"},
      {"torch.fx.experimental.symbolic_shapes", "ShapeEnv.evaluate_guards_expression"},
      {"torch.utils.collect_env", "run"},
      {"torch._inductor.codecache", "compile_file"},
      {"torch.nn.modules.module", "Module"},
      {"", ""},
      // Nearly those that are read.
      {"torch._utils", "_rebuild_tensor_v4"},
      {"torch._utils", "_rebuild_tensor_v2.__globals__"},
      {"torch._utils._rebuild_tensor_v2", "__call__"},
      {"torch._utils ", "_rebuild_tensor_v2"},
      {"torch", "FloatStorage\\0x"},
      {"torch", "floatstorage"},
      {"collections", "OrderedDict.fromkeys"},
      {"collections", "defaultdict"},
      {"pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint.__init__"},
  };
  for (const auto& [module, name] : names) {
    const std::string asked = python_name(module, name);
    const std::string dotted = std::string(module) + "." + name;
    const std::string says = dotted.find('\\') == std::string::npos ? dotted : "";
    // Called, looked up only, and behind a good tensor.
    EXPECT(with_pickle(asked + text("echo") + "\x85R"), Code::unsupported, says);
    EXPECT(with_pickle(dict_of({{"w", asked}})), Code::unsupported, says);
    EXPECT(with_pickle(dict_of({{"w", tensor(storage("0", 6), 0, {6}, {1})}, {"x", asked + ")R"}})),
           Code::unsupported, says);
    Legacy legacy;
    legacy.object = pickled(asked + ")R");
    EXPECT(legacy.bytes(), Code::unsupported, says);
    legacy = Legacy();
    legacy.system = pickled(asked + ")R");
    EXPECT(legacy.bytes(), Code::unsupported, says);
    legacy = Legacy();
    legacy.keys = pickled(asked + ")R");
    EXPECT(legacy.bytes(), Code::unsupported, says);
  }
  EXPECT(with_pickle(python_name("torch", raw("FloatStorage\0x"))), Code::unsupported, "\\x00");
  EXPECT(with_pickle("c" + std::string(5000, 'a') + "\n"), Code::limit);
  // What is read is not called with other arguments, nor are storages' types at all.
  for (const char* name : {"FloatStorage", "Size"})
    EXPECT(with_pickle(python_name("torch", name) + text("x") + "\x85R"), Code::syntax, name);
  EXPECT(with_pickle(python_name("collections", "OrderedDict") + text("x") + "\x85R"), Code::syntax);
  EXPECT(with_pickle(text("x") + ")R"), Code::syntax);
  EXPECT(with_pickle(ordered_dict() + ")R"), Code::syntax);
  // Tensors of other kinds are refused by their name, wherever they are.
  for (const char* name : {"_rebuild_qtensor", "_rebuild_sparse_tensor", "_rebuild_nested_tensor"})
    EXPECT(with_pickle(dict_of({{"w", python_name("torch._utils", name) + ")R"}})), Code::unsupported, name);
  EXPECT(with_pickle(storage("0", 6, "QInt8Storage")), Code::unsupported, "QInt8Storage");
  // A type of its own only for bytes, of a type that tensors have, and once.
  const auto typed = [](const std::string& in, const std::string& type) {
    return python_name("torch._utils", "_rebuild_tensor_v3") +
           tuple_of({in, number(0), numbers({6}), numbers({1}), "\x89", ordered_dict(), type}) + "R";
  };
  EXPECT(with_pickle(dict_of({{"w", typed(storage("0", 6), python_name("torch", "float16"))}})), Code::syntax);
  EXPECT(with_pickle(dict_of({{"w", typed(storage("0", 24, "ByteStorage"), python_name("torch", "qint8"))}})),
         Code::unsupported, "qint8");
  EXPECT(with_pickle(dict_of({{"w", typed(storage("0", 24, "ByteStorage"), python_name("torch", "float64"))}})),
         Code::limit);
  EXPECT(with_pickle(dict_of({{"w", typed(storage("0", 24, "ByteStorage"), python_name("torch", "uint32"))}})),
         Code::ok);
  std::string nested = python_name("torch._utils", "_rebuild_tensor_v2");
  for (int i = 0; i < 2; ++i)
    nested = python_name("torch._tensor", "_rebuild_from_type_v2") + tuple_of({nested, "N", ")", "N"}) + "R";
  EXPECT(with_pickle(nested), Code::syntax);
  // Inert objects are never part of a tensor.
  const std::string inert = python_name("_codecs", "encode") + ")R";
  EXPECT(with_pickle(dict_of({{"w", inert}})), Code::ok);
  EXPECT(with_pickle(inert), Code::type);
  EXPECT(with_tensor(inert, 0, {2}, {1}), Code::syntax);
  EXPECT(with_pickle(inert + ")R"), Code::syntax);
}

// The only objects that are made are dictionaries of parameters.
TEST_ONCE(weights_torch_makes_no_other_objects) {
  const std::string type = python_name("torch.nn.modules.container", "ParameterDict");
  EXPECT(with_pickle(dict_of({{"w", type + ")\x81"}})), Code::ok);
  EXPECT(with_pickle(dict_of({{"w", type + ")\x81" + dict_of({{"_parameters", "}"}}) + "b"}})), Code::ok);
  EXPECT(with_pickle(dict_of({{"w", type + ")\x81" + text("x") + "b"}})), Code::syntax, "attributes");
  EXPECT(with_pickle(dict_of({{"w", type + text("x") + "\x85\x81"}})), Code::syntax, "object");
  EXPECT(with_pickle(dict_of({{"w", type + ")R"}})), Code::syntax, "ParameterDict");
  EXPECT(with_pickle(dict_of({{"w", python_name("collections", "OrderedDict") + ")\x81"}})), Code::syntax);
  EXPECT(with_pickle(dict_of({{"w", text("x") + ")\x81"}})), Code::syntax, "no class");
  EXPECT(with_pickle("\x81"), Code::syntax);
}

TEST_ONCE(weights_torch_refuses_opcodes) {
  const std::pair<const char*, const char*> codes[] = {{"0", "POP"},
                                                       {"1", "POP_MARK"},
                                                       {"2", "DUP"},
                                                       {"B", "BINBYTES"},
                                                       {"F", "FLOAT"},
                                                       {"I", "INT"},
                                                       {"L", "LONG"},
                                                       {"P", "PERSID"},
                                                       {"S", "STRING"},
                                                       {"T", "BINSTRING"},
                                                       {"V", "UNICODE"},
                                                       {"d", "DICT"},
                                                       {"g", "GET"},
                                                       {"i", "INST"},
                                                       {"l", "LIST"},
                                                       {"o", "OBJ"},
                                                       {"p", "PUT"},
                                                       {"\x80", "PROTO"},
                                                       {"\x82", "EXT1"},
                                                       {"\x83", "EXT2"},
                                                       {"\x84", "EXT4"},
                                                       {"\x8B", "LONG4"},
                                                       {"\x8C", "SHORT_BINUNICODE"},
                                                       {"\x8F", "EMPTY_SET"},
                                                       {"\x90", "ADDITEMS"},
                                                       {"\x92", "NEWOBJ_EX"},
                                                       {"\x93", "STACK_GLOBAL"},
                                                       {"\x94", "MEMOIZE"},
                                                       {"\x95", "FRAME"},
                                                       {"\x96", "BYTEARRAY8"},
                                                       {"\xFE", "0xFE"}};
  for (const auto& [code, name] : codes) EXPECT(with_pickle(std::string("}") + code), Code::unsupported, name);
  for (const char protocol : {'\0', '\1', '\3', '\4', '\5', '\xC8'})
    EXPECT(zip_around(std::string("\x80") + protocol + "}.").bytes(), Code::unsupported, "protocol");
  EXPECT(zip_around("(dp0\n.").bytes(), Code::unsupported, "protocol");
  EXPECT(zip_around("").bytes(), Code::truncated);
  EXPECT(zip_around("\x80\x02").bytes(), Code::truncated);
  EXPECT(zip_around("\x80\x02}").bytes(), Code::truncated);
  EXPECT(zip_around("\x80\x02}.}").bytes(), Code::syntax, "behind");
  EXPECT(zip_around("\x80\x02}}.").bytes(), Code::syntax, "left");
  // Each opcode that takes values, with none there, and with values only below a mark.
  for (const char* code : {".", "t", "\x85", "\x86", "\x87", "q\1", "a", "e", "s", "u", "R", "b", "Q"}) {
    EXPECT(zip_around(std::string("\x80\x02") + code + ".").bytes(), Code::syntax);
    if (*code != 't' && *code != 'e' && *code != 'u')
      EXPECT(zip_around(std::string("\x80\x02NNN(") + code + ".").bytes(), Code::syntax);
  }
  EXPECT(with_pickle("(e"), Code::syntax);
  EXPECT(with_pickle("(u"), Code::syntax);
  // Operands that are cut off.
  for (const char* code : {"J\1\1\1", "K", "M\1", "\x8A", "\x8A\2\1", "G\1\1\1", "X\1\1\1", "U\2a", "q", "r\1",
                           "h", "j\1\1", "ctorch\nFloat", "ctorch"}) {
    EXPECT(zip_around(std::string("\x80\x02") + code).bytes(), Code::truncated);
  }
}

TEST_ONCE(weights_torch_refuses_bad_pickles) {
  EXPECT(with_pickle("h\1"), Code::syntax);
  EXPECT(with_pickle(raw("j\1\0\0\0")), Code::syntax);
  EXPECT(with_pickle("}r\xFF\xFF\xFF\xFF"), Code::limit);
  EXPECT(with_pickle("X\xFF\xFF\xFF\xFF"), Code::limit);
  EXPECT(with_pickle("\x8A\x09" + std::string(9, '\1')), Code::limit);
  EXPECT(with_pickle(std::string(1001, '(')), Code::limit);
  EXPECT(with_pickle(std::string(1'000'001, 'N')), Code::limit);
  EXPECT(with_pickle("](" + repeated(")", 1'000'001)), Code::limit);
  EXPECT(with_pickle("}(" + repeated("NN", 2'100'000)), Code::limit);
  // Items for what holds none.
  EXPECT(with_pickle(")NNs"), Code::syntax);
  EXPECT(with_pickle("]NNs"), Code::syntax);
  EXPECT(with_pickle("}Na"), Code::syntax);
  EXPECT(with_pickle(tensor(storage("0", 6), 0, {6}, {1}) + "NNs"), Code::syntax);
  EXPECT(with_pickle("}(Nu"), Code::syntax);
  // Keys that Python has no hash of, or that no file has.
  for (const char* key : {"}", "]", ")", "N\x85"})
    EXPECT(with_pickle(std::string("}") + key + "Ns"), Code::syntax);
  EXPECT(with_pickle("}NNs" + python_name("torch", "Size") + "Ns\x88NsG12345678NsK\1Ns"), Code::ok);
  EXPECT(with_pickle(text("\xFF")), Code::utf8);
  EXPECT(with_pickle("U\1\xFF"), Code::utf8);
  EXPECT(with_pickle("N}b"), Code::syntax);
  EXPECT(with_pickle(tensor(storage("0", 6), 0, {6}, {1}) + "}b"), Code::syntax);
  // A dictionary that holds itself; one that describes 2^60 members; one 100,000 deep.
  EXPECT(with_pickle("}q\1" + text("a") + "h\1s"), Code::limit);
  std::string doubling = "}q\x01" + text("w") + tensor(storage("0", 6), 0, {6}, {1}) + "s";
  for (int i = 2; i <= 60; ++i) {
    const std::string last = std::string("h") + static_cast<char>(i - 1);
    doubling += std::string("}q") + static_cast<char>(i) + "(" + text("a") + last + text("b") + last + "u";
  }
  EXPECT(zip_around("\x80\x02(" + doubling + "t.").bytes(), Code::type);
  EXPECT(zip_around("\x80\x02}" + text("x") + "(" + doubling + "ts" + text("y") + "h\x3Cs.").bytes(),
         Code::limit);
  std::string deep = "}";
  for (int i = 0; i < 1000; ++i) deep = "}" + text("a") + deep + "s";
  EXPECT(with_pickle(deep), Code::limit);
  // Names of tensors.
  const std::string w = tensor(storage("0", 6), 0, {6}, {1});
  // Without names: one tensor, or nothing but tensors in a list.
  EXPECT(with_pickle(w), Code::ok);
  EXPECT(with_pickle("]" + w + "a"), Code::ok);
  EXPECT(with_pickle("](" + w + "Ne"), Code::type, "list of tensors");
  EXPECT(with_pickle("](N" + w + "e"), Code::type);
  EXPECT(with_pickle("](" + w + dict_of({{"w", w}}) + "e"), Code::type);
  EXPECT(with_pickle("]]" + w + "aa"), Code::type);
  EXPECT(with_pickle("]q\1h\1a"), Code::type);
  EXPECT(with_pickle("](" + w + "q\1" + repeated("h\1", 100'000) + "e"), Code::limit);
  EXPECT(with_pickle("}K\1" + w + "s"), Code::type);
  EXPECT(with_pickle("}K\1" + dict_of({{"w", w}}) + "s"), Code::type);
  EXPECT(with_pickle("}" + text("") + w + "s"), Code::limit);
  EXPECT(with_pickle("}" + text(std::string(513, 'n')) + w + "s"), Code::limit);
  EXPECT(with_pickle("}" + text("\xFF") + w + "s"), Code::utf8);
  EXPECT(with_pickle(dict_of({{"w", w}, {"w", w}})), Code::duplicate);
  EXPECT(with_pickle(dict_of({{"w", w}, {"w", "N"}})), Code::duplicate);
  EXPECT(with_pickle(dict_of({{"a", dict_of({{"b", w}})}, {"a.b", w}})), Code::duplicate);
  EXPECT(with_pickle(dict_of({{"state_dict", dict_of({{"w", w}})}, {"state_dict", "N"}})), Code::duplicate);
}

TEST_ONCE(weights_torch_refuses_bad_tensors) {
  const std::string good = storage("0", 6);
  EXPECT(with_tensor(good, 0, {2, 3}, {1, 2}), Code::ok);
  EXPECT(with_tensor(storage("0", 7), 0, {2}, {1}), Code::layout);
  EXPECT(with_tensor(storage("0", 5), 0, {2}, {1}), Code::layout);
  EXPECT(with_tensor(storage("0", 6, "HalfStorage"), 0, {2}, {1}), Code::layout);
  EXPECT(with_tensor(storage("0", -1), 0, {0}, {1}), Code::range);
  EXPECT(with_tensor(storage("0", INT64_MAX), 0, {2}, {1}), Code::overflow);
  EXPECT(with_tensor(good, -1, {2}, {1}), Code::range);
  EXPECT(with_tensor(good, INT64_MIN, {2}, {1}), Code::range);
  EXPECT(with_tensor(good, INT64_MAX, {2}, {1}), Code::range);
  EXPECT(with_tensor(good, 6, {}, {}), Code::range);
  EXPECT(with_tensor(good, 5, {}, {}), Code::ok);
  EXPECT(with_tensor(good, 5, {2}, {1}), Code::range);
  EXPECT(with_tensor(good, 0, {2}, {6}), Code::range);
  EXPECT(with_tensor(good, 0, {2}, {5}), Code::ok);
  EXPECT(with_tensor(good, 0, {2}, {-1}), Code::range);
  EXPECT(with_tensor(good, 0, {-2}, {1}), Code::range);
  EXPECT(with_tensor(good, 0, {2, 2}, {INT64_MAX, INT64_MAX}), Code::range);
  EXPECT(with_tensor(good, 0, {1 << 20, 1 << 20}, {0, 0}), Code::limit);
  EXPECT(with_tensor(good, 0, {INT64_MAX, 2}, {0, 0}), Code::overflow);
  EXPECT(with_tensor(good, 0, {2}, {1, 1}), Code::syntax);
  EXPECT(with_tensor(good, 0, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1}), Code::limit);
  // A shape that only an empty tensor may have.
  EXPECT(with_tensor(good, 0, {1 << 30, 4, 0}, {INT64_MAX, 1, 1}), Code::ok);
  EXPECT(with_tensor(good, 0, {INT64_MAX, INT64_MAX, 0}, {INT64_MAX, 1, 1}), Code::overflow);
  for (const char* key : {"../../etc/passwd", "", "-1", "0x", "999999999999999999999"})
    EXPECT(with_tensor(storage(key, 6), 0, {2}, {1}), Code::range);
  EXPECT(with_tensor(storage("1", 6), 0, {2}, {1}), Code::range);
  EXPECT(with_pickle(dict_of(
             {{"a", tensor(good, 0, {2}, {1})}, {"b", tensor(storage("0", 6, "IntStorage"), 0, {2}, {1})}})),
         Code::mismatch);
  EXPECT(with_pickle(dict_of({{"a", tensor(good, 0, {2}, {1})}, {"b", tensor(storage("0", 3), 0, {2}, {1})}})),
         Code::mismatch);
  // References to storages of other forms.
  EXPECT(with_pickle("K\1Q"), Code::syntax);
  EXPECT(with_pickle(")Q"), Code::syntax);
  EXPECT(with_pickle(tuple_of({text("storage"), "N", "N", "N"}) + "Q"), Code::syntax);
  EXPECT(with_pickle(tuple_of({text("module"), "N", "N", "N", "N"}) + "Q"), Code::unsupported, "module");
  EXPECT(with_tensor(storage("0", 6, "FloatStorage", "N"), 0, {2}, {1}), Code::syntax);
  EXPECT(with_pickle(tuple_of({text("storage"), python_name("collections", "OrderedDict"), text("0"),
                               text("cpu"), number(6)}) +
                     "Q"),
         Code::syntax);
  // Arguments of other types, hooks, metadata.
  const std::string rebuild = python_name("torch._utils", "_rebuild_tensor_v2");
  const auto rebuilt = [&](const std::vector<std::string>& arguments) {
    return with_pickle(dict_of({{"w", rebuild + tuple_of(arguments) + "R"}}));
  };
  const std::string hook = ordered_dict() + text("h") + "Ns";
  EXPECT(rebuilt({good, number(0), numbers({2}), numbers({1}), "\x89", ordered_dict(), "}"}), Code::ok);
  EXPECT(rebuilt({good, number(0), numbers({2}), numbers({1}), "\x89", hook}), Code::syntax);
  EXPECT(rebuilt({good, number(0), numbers({2}), numbers({1}), "\x89", ordered_dict(), hook}),
         Code::unsupported);
  EXPECT(rebuilt({good, number(0), numbers({2}), numbers({1}), "K\1", ordered_dict()}), Code::syntax);
  EXPECT(rebuilt({good, number(0), numbers({2}), numbers({1}), "\x89"}), Code::syntax);
  EXPECT(rebuilt({good, text("0"), numbers({2}), numbers({1}), "\x89", ordered_dict()}), Code::syntax);
  EXPECT(rebuilt({good, number(0), tuple_of({text("2")}), numbers({1}), "\x89", ordered_dict()}), Code::syntax);
  EXPECT(rebuilt({number(0), number(0), numbers({2}), numbers({1}), "\x89", ordered_dict()}), Code::syntax);
}

TEST_ONCE(weights_torch_refuses_bad_zips) {
  const auto changed = [](void (*change)(Zip*)) {
    Zip zip = good_zip();
    change(&zip);
    return zip.bytes();
  };
  Bytes appended = good_zip().bytes();
  const Bytes end(appended.end() - 22, appended.end());
  appended.insert(appended.end(), end.begin(), end.end());
  EXPECT(appended, Code::layout);  // two ends
  EXPECT(changed([](Zip* zip) { zip->comment = "x"; }), Code::truncated);
  Bytes more = good_zip().bytes();
  more.push_back(0);
  EXPECT(more, Code::truncated);
  EXPECT(changed([](Zip* zip) { zip->count_change = 1; }), Code::layout);
  EXPECT(changed([](Zip* zip) { zip->count_change = static_cast<uint64_t>(-1); }), Code::layout);
  EXPECT(changed([](Zip* zip) {
           zip->zip64 = true;
           zip->count_change = uint64_t{1} << 32;
         }),
         Code::limit);
  EXPECT(changed([](Zip* zip) { zip->members[3].local_change = -60; }), Code::layout);
  EXPECT(changed([](Zip* zip) { zip->members[3].local_change = 1 << 20; }), Code::range);
  EXPECT(changed([](Zip* zip) {
           zip->zip64 = true;
           zip->members[2].local_change = INT64_MIN;
         }),
         Code::range);
  // Two entries of the directory for one member, under its own name or another.
  Zip same = good_zip();
  same.members.push_back(same.members[2]);
  same.members[4].local_change =
      -static_cast<int64_t>(30 + same.members[2].name.size() + 24 + 30 + same.members[3].name.size() + 2);
  EXPECT(same.bytes(), Code::layout, "overlap");
  EXPECT(changed([](Zip* zip) { zip->members.push_back(zip->members[0]); }), Code::duplicate);
  EXPECT(changed([](Zip* zip) { zip->members[2].local_name = "archive/data/1"; }), Code::layout);
  EXPECT(changed([](Zip* zip) { zip->members[2].method = 8; }), Code::unsupported, "compressed");
  for (const uint64_t flag : {0x1, 0x20, 0x40, 0x2000}) {
    Zip zip = good_zip();
    zip.members[0].flags = flag;
    EXPECT(zip.bytes(), Code::unsupported);
    zip.members[0].flags = 0x808;  // sizes behind the data, names in UTF-8: as torch.save sets them
    EXPECT(zip.bytes(), Code::ok);
  }
  EXPECT(changed([](Zip* zip) { zip->members[2].size_change = -4; }), Code::layout);
  EXPECT(changed([](Zip* zip) { zip->members[2].attributes = 0x10; }), Code::layout, "folder");
  EXPECT(changed([](Zip* zip) { zip->members[0].bad_crc = true; }), Code::layout, "checksum");
  for (const char* name : {"/archive/x", "archive/../x", "archive\\x", "..", "archive/x\n"}) {
    Zip zip = good_zip();
    zip.members.push_back({name, ""});
    EXPECT(zip.bytes(), Code::range);
  }
  EXPECT(changed([](Zip* zip) { zip->members.push_back({"other/x", ""}); }), Code::unsupported, "other/x");
  EXPECT(changed([](Zip* zip) { zip->members[1].data = "big"; }), Code::unsupported, "big");
  EXPECT(changed([](Zip* zip) { zip->members[3].data = "11\n"; }), Code::unsupported, "11");
  EXPECT(changed([](Zip* zip) { zip->members.push_back({"archive/constants.pkl", ""}); }), Code::unsupported,
         "TorchScript");
  EXPECT(changed([](Zip* zip) { zip->members.push_back({"archive/code/a.py", ""}); }), Code::unsupported,
         "TorchScript");
  EXPECT(changed([](Zip* zip) { zip->members.erase(zip->members.begin()); }), Code::unsupported, "data.pkl");
  EXPECT(changed([](Zip* zip) { zip->members.erase(zip->members.begin() + 2); }), Code::range);
  // A tensor's bytes are only compared with their checksum when they are read.
  Zip rotten = good_zip();
  rotten.members[2].bad_crc = true;
  const auto source = ipa::open_torch_bytes(rotten.bytes(), "test");
  CHECK_OK(source.status());
  if (!source.ok()) return;
  float values[6];
  CHECK(source.value()->read_f32(source.value()->tensors()[0], values).code() == Code::layout);
}

TEST_ONCE(weights_torch_refuses_bad_legacy_files) {
  const auto changed = [](void (*change)(Legacy*)) {
    Legacy legacy;
    change(&legacy);
    return legacy.bytes();
  };
  EXPECT(changed([](Legacy* file) { file->version[3] = '\xE8'; }), Code::unsupported, "version");
  EXPECT(changed([](Legacy* file) { file->system = pickled("}"); }), Code::unsupported, "little-endian");
  EXPECT(changed([](Legacy* file) { file->system = pickled(dict_of({{"little_endian", "\x89"}})); }),
         Code::unsupported, "little-endian");
  EXPECT(changed([](Legacy* file) { file->system = pickled("]"); }), Code::syntax);
  EXPECT(changed([](Legacy* file) { file->keys = pickled("}"); }), Code::syntax);
  EXPECT(changed([](Legacy* file) { file->keys = pickled("]"); }), Code::layout, "lacks");
  EXPECT(changed([](Legacy* file) { file->keys = pickled("](" + text("7") + text("7") + "e"); }), Code::layout);
  EXPECT(changed([](Legacy* file) { file->keys = pickled("](" + text("8") + "e"); }), Code::layout);
  EXPECT(changed([](Legacy* file) { file->keys = pickled("](K\7e"); }), Code::layout);
  EXPECT(changed([](Legacy* file) { file->data = little(5, 8) + file->data.substr(8); }), Code::layout);
  EXPECT(changed([](Legacy* file) { file->data = little(~uint64_t{0}, 8) + file->data.substr(8); }),
         Code::layout);
  EXPECT(changed([](Legacy* file) { file->data += 'x'; }), Code::layout);
  EXPECT(changed([](Legacy* file) { file->data.pop_back(); }), Code::truncated);
  EXPECT(changed([](Legacy* file) { file->data = ""; }), Code::truncated);
  EXPECT(changed([](Legacy* file) { file->keys = file->data = ""; }), Code::truncated);
  // Parts of storages: beyond their end, or no part at all.
  const auto with_view = [](const std::string& view) {
    Legacy file;
    file.object = pickled(dict_of({{"w", tensor(storage("7", 6, "FloatStorage", view), 0, {2}, {1})}}));
    return file.bytes();
  };
  EXPECT(with_view(tuple_of({text("8"), number(4), number(2)})), Code::ok);
  EXPECT(with_view(tuple_of({text("8"), number(5), number(2)})), Code::range);
  EXPECT(with_view(tuple_of({text("8"), number(INT64_MAX), number(INT64_MAX)})), Code::range);
  EXPECT(with_view(tuple_of({text("8"), number(-1), number(2)})), Code::range);
  EXPECT(with_view(tuple_of({text("8"), number(5), number(1)})), Code::limit);  // two values of one
  EXPECT(with_view(tuple_of({text("8"), number(0)})), Code::syntax);
  EXPECT(with_view(text("8")), Code::syntax);
  EXPECT(with_view(""), Code::syntax);
}

// A damaged file gives an error or the values it has; nothing crashes, and nothing is left unread.
TEST_ONCE(weights_torch_damaged_files) {
  std::mt19937 random(5);
  for (const char* name : {"zip.bin", "legacy.bin", "checkpoint.ckpt"}) {
    const auto text = ipa::read_file(golden_folder() + "/torch/" + name, 1 << 20);
    CHECK_OK(text.status());
    if (!text.ok()) return;
    const Bytes good(text.value().begin(), text.value().end());
    size_t refused = 0;
    const auto open_and_read = [&](const Bytes& bytes) {
      const auto source = ipa::open_torch_bytes(bytes, "test");
      if (!source.ok()) {
        CHECK(source.status().code() != Code::internal && source.status().code() != Code::io);
        ++refused;
        return;
      }
      for (const ipa::TensorInfo& info : source.value()->tensors()) {
        std::vector<float> values(static_cast<size_t>(info.elements()));
        const ipa::Status status = source.value()->read_f32(info, values.data());
        CHECK(status.ok() || status.code() == Code::layout);  // the checksum
      }
    };
    for (size_t i = 0; i < 1000; ++i) {
      const size_t length = good.size() * i / 1000;
      open_and_read(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length)));
    }
    CHECK_EQ(refused, size_t{1000});
    for (size_t at = 0; at < good.size(); ++at) {
      Bytes bad = good;
      bad[at] = static_cast<uint8_t>(bad[at] ^ 1u << random() % 8);
      open_and_read(bad);
    }
    CHECK(refused > 1000 + good.size() / 8);
  }
}
