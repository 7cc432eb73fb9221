// The functions of Node-API, looked up in the program that loads the addon, whatever its file is called: node.exe, Electron's, or a single
// executable. A plain import would name node.exe. MSVC has delayed imports for this, with a hook that node-gyp brings; other linkers do
// not. For builds with zig alone (tools/build/node-functions.mjs writes the list).
#include <node_api.h>

#include <iterator>

#include "base/windows.h"

// Each is a jump through a slot. The caller's arguments stay where they are, so one kind of jump serves all signatures.
#if defined(__x86_64__)
#define NODE_JUMP(name) "jmpq *node_slot_" #name "(%rip)\n"
#elif defined(__aarch64__)
#define NODE_JUMP(name)                   \
  "adrp x16, node_slot_" #name            \
  "\n"                                    \
  "ldr x16, [x16, :lo12:node_slot_" #name \
  "]\n"                                   \
  "br x16\n"
#else
#error "no jump for this architecture"
#endif

namespace {

extern "C" {

// In place of a function that an older Node lacks.
napi_status node_function_missing() { return napi_generic_failure; }

#define NODE_FUNCTION(name)                                                       \
  __attribute__((used)) FARPROC node_slot_##name =                                \
      reinterpret_cast<FARPROC>(reinterpret_cast<void*>(&node_function_missing)); \
  __asm__(".text\n.globl " #name "\n.p2align 4\n" #name ":\n" NODE_JUMP(name));
#include "node_functions.inc"
#undef NODE_FUNCTION
}

struct NodeSlot {
  const char* name;
  FARPROC* slot;
};

#define NODE_FUNCTION(name) {#name, &node_slot_##name},
const NodeSlot kNodeSlots[] = {
#include "node_functions.inc"
};
#undef NODE_FUNCTION

// Electron and Node can also be split into a program and a library that holds Node.
FARPROC find_node_function(const char* name) {
  for (const wchar_t* library : {static_cast<const wchar_t*>(nullptr), L"libnode.dll", L"node.dll"}) {
    const HMODULE module = GetModuleHandleW(library);
    if (module == nullptr) continue;
    if (const FARPROC found = GetProcAddress(module, name)) return found;
  }
  return nullptr;
}

// Before anything else of the addon runs.
__attribute__((constructor(101))) void fill_node_slots() {
  for (const NodeSlot& entry : kNodeSlots)
    if (const FARPROC found = find_node_function(entry.name)) *entry.slot = found;
}

}  // namespace
