// Opcodes of Python's pickle format.
#pragma once

#include <cstdint>
#include <string>

namespace ipa {

// Those that torch.save uses for tensors (PEP 307, protocol 2).
namespace opcode {
constexpr uint8_t proto = 0x80, stop = '.', mark = '(';
constexpr uint8_t empty_dict = '}', empty_list = ']', empty_tuple = ')';
constexpr uint8_t tuple = 't', tuple1 = 0x85, tuple2 = 0x86, tuple3 = 0x87;
constexpr uint8_t none = 'N', newtrue = 0x88, newfalse = 0x89;
constexpr uint8_t binint = 'J', binint1 = 'K', binint2 = 'M', long1 = 0x8A, binfloat = 'G';
constexpr uint8_t binunicode = 'X', short_binstring = 'U';
constexpr uint8_t binput = 'q', long_binput = 'r', binget = 'h', long_binget = 'j';
constexpr uint8_t append = 'a', appends = 'e', setitem = 's', setitems = 'u';
constexpr uint8_t global = 'c', reduce = 'R', build = 'b', newobj = 0x81, binpersid = 'Q';
}  // namespace opcode

// "STACK_GLOBAL" for 0x93; "0xFE" when it is none.
std::string opcode_name(uint8_t code);

}  // namespace ipa
