#include "base/stay_loaded.h"

#include "base/windows.h"
#ifdef __APPLE__
#include <dlfcn.h>
#endif

namespace ipa {

void stay_loaded() {
#if defined(_WIN32)
  HMODULE self = nullptr;
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                     reinterpret_cast<LPCWSTR>(reinterpret_cast<void*>(&stay_loaded)), &self);
#elif defined(__APPLE__)
  Dl_info self = {};
  if (dladdr(reinterpret_cast<void*>(&stay_loaded), &self) != 0)
    dlopen(self.dli_fname, RTLD_NOW | RTLD_NODELETE);
#endif
}

}  // namespace ipa
