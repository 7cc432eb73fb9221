// Temporary files of writers that were killed. A writer holds a lock on its file for as long as it lives, which
// the system takes back when its process ends, however that was: what can be locked has no writer any more.
#pragma once

#include <cstdio>
#include <string>

namespace ipa {

// Marks a new temporary file as one that is being written.
// False when somebody has taken it for a leftover meanwhile: then another name is needed.
// True too where the file system has no locks; there nothing is ever taken for a leftover.
bool claim_temporary(std::FILE* file);

// Ends the names of temporary files: ".tmp-" and `digits` hexadecimal digits.
constexpr const char* temporary_mark = ".tmp-";
constexpr size_t temporary_digits = 16;

// Removes temporary files of `path` (its name and such an ending) that no living writer has.
void remove_leftovers(const std::string& path);

}  // namespace ipa
