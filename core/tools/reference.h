// Pages of section 7, made from the tables of the language and of the machine.
#pragma once

#include <string>

namespace vfm {

/// vfm-isa(7) as roff.
std::string isa_page();
/// vflisp(7) as roff.
std::string vflisp_page();

}  // namespace vfm
