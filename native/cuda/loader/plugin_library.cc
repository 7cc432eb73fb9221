#include "cuda/loader/plugin_library.h"

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <system_error>

#ifndef _WIN32
#include <dlfcn.h>
#endif

#include "base/file.h"
#include "base/native_path.h"
#include "base/system_message.h"
#include "base/utf8.h"
#include "base/version.h"
#include "base/windows.h"

namespace ipa::gpu {
namespace {

constexpr const char* exported_name = "ipa_gpu_api";
constexpr const char* version_fix =
    "install node-ip-adapter and node-ip-adapter-cuda-linux-x64 of one version (" NODE_IP_ADAPTER_VERSION ")";

#ifdef _WIN32
using Library = HMODULE;

// Beside the file, not in the program's folder, are the libraries that it needs.
Library open_library(const std::string& path) {
  return LoadLibraryExW(native_path(path).c_str(), nullptr, LOAD_WITH_ALTERED_SEARCH_PATH);
}
std::string library_error() {
  return system_message({static_cast<int>(GetLastError()), std::system_category()});
}
void* find_symbol(Library library) { return reinterpret_cast<void*>(GetProcAddress(library, exported_name)); }
#else
using Library = void*;

Library open_library(const std::string& path) { return dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL); }
std::string library_error() {
  const char* error = dlerror();
  return error ? error : "no reason given";
}
void* find_symbol(Library library) { return dlsym(library, exported_name); }
#endif

Status other_version(const std::string& theirs) {
  return Status(Code::device, "is a plugin of another version: it has " + theirs +
                                  ", this engine needs version " + std::to_string(IPA_GPU_ABI) + ": " +
                                  version_fix);
}

// Whether all its functions are there. They follow its numbers, one pointer each.
bool is_complete(const GpuApi& table) {
  constexpr size_t first = offsetof(GpuApi, versions);
  static_assert((sizeof(GpuApi) - first) % sizeof(void*) == 0, "functions only");
  for (size_t at = first; at < sizeof(GpuApi); at += sizeof(void*)) {
    void* function = nullptr;
    std::memcpy(&function, reinterpret_cast<const char*>(&table) + at, sizeof function);
    if (!function) return false;
  }
  return true;
}

}  // namespace

Result<const GpuApi*> table_of(GpuApiOf exported) {
  const GpuApi* table = exported(IPA_GPU_ABI);
  if (!table) {
    const GpuApi* other = exported(0);
    return other_version(other ? "version " + std::to_string(other->abi) + " of the interface to GPUs"
                               : "no interface to GPUs that is known here");
  }
  if (table->abi != IPA_GPU_ABI)
    return other_version("version " + std::to_string(table->abi) + " of the interface to GPUs");
  if (table->table_bytes != static_cast<int32_t>(sizeof(GpuApi)))
    return other_version("a table of " + std::to_string(table->table_bytes) + " bytes in place of " +
                         std::to_string(sizeof(GpuApi)));
  if (!is_complete(*table)) return other_version("a table with functions missing");
  return table;
}

Result<const GpuApi*> open_plugin(const std::string& path) {
  const std::string name = in_quotes(path, 1024) + ": ";
  if (path_kind(path) != PathKind::file) return Status(Code::not_found, name + "no such file");
  if (!native_path(path).is_absolute()) return Status(Code::not_found, name + "not an absolute path");
  const Library library = open_library(path);
  if (!library)
    return Status(Code::device, name + "does not load as a library of this system (" + library_error() +
                                    "): install its package anew");
  void* symbol = find_symbol(library);
  if (!symbol)
    return Status(Code::device, name + "is no plugin of node-ip-adapter (it exports no " + exported_name +
                                    "): " + version_fix);
  Result<const GpuApi*> table = table_of(reinterpret_cast<GpuApiOf>(symbol));
  if (!table.ok()) return Status(table.status().code(), name + table.status().message());
  return table;
}

}  // namespace ipa::gpu
