#include "weights/file_format.h"

#include <cstring>

namespace ipa {
namespace {

struct Magic {
  size_t offset;
  const char* bytes;
  size_t length;
  const char* what;
};

#define IPA_PYTORCH_FIX \
  "; use the .safetensors file of the same model, or convert it with Python's safetensors.torch.save_file"

constexpr Magic magics[] = {
    {0, "PK\x03\x04", 4, "a PyTorch file (zip with pickle)" IPA_PYTORCH_FIX},
    {0, "PK\x05\x06", 4, "an empty zip archive"},
    {0, "\x80\x02\x8A\x0A", 4, "a PyTorch file (old pickle form)" IPA_PYTORCH_FIX},
    {0, "\x80\x02", 2, "a Python pickle" IPA_PYTORCH_FIX},
    {0, "\x80\x03", 2, "a Python pickle" IPA_PYTORCH_FIX},
    {0, "\x80\x04", 2, "a Python pickle" IPA_PYTORCH_FIX},
    {0, "\x80\x05", 2, "a Python pickle" IPA_PYTORCH_FIX},
    {257, "ustar", 5, "a tar archive"},
    {0, "GGUF", 4, "a GGUF file"},
    {0, "\x89HDF\r\n", 6, "an HDF5 file"},
    {0, "\x1F\x8B", 2, "a gzip archive"},
    {0, "version https://git-lfs", 23, "a Git LFS pointer, not the weights; fetch them with `git lfs pull`"},
    {0, "<!DOCTYPE", 9, "an HTML page (a failed download?)"},
    {0, "<!doctype", 9, "an HTML page (a failed download?)"},
    {0, "<html", 5, "an HTML page (a failed download?)"},
    {0, "\x89PNG", 4, "a PNG picture"},
    {0, "\xFF\xD8\xFF", 3, "a JPEG picture"},
    {0, "<?xml", 5, "an XML document (a failed download?)"},
};

#undef IPA_PYTORCH_FIX

// Weight files have bytes of zero near their beginning. Texts in UTF-8 have no control characters but these, and no bytes of 0xF5 and more.
bool is_text(const uint8_t* start, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    const uint8_t c = start[i];
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f') || c == 0x7F || c >= 0xF5) return false;
  }
  return size > 0;
}

}  // namespace

const char* describe_other_format(const uint8_t* start, size_t size) {
  for (const Magic& magic : magics) {
    if (magic.offset + magic.length <= size &&
        std::memcmp(start + magic.offset, magic.bytes, magic.length) == 0) {
      return magic.what;
    }
  }
  return is_text(start, size) ? "a text file; pass a .safetensors, .gguf or PyTorch file" : nullptr;
}

bool is_gguf(const uint8_t* start, size_t size) { return size >= 4 && std::memcmp(start, "GGUF", 4) == 0; }

}  // namespace ipa
