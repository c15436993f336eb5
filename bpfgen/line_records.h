// Where in the source each instruction came from, as the kernel keeps it: the records in
// `.BTF.ext`.
#pragma once

#include <functional>
#include <string_view>

#include "bpfgen/object.h"
#include "core/base/bytes.h"

namespace vfm::bpf {

/// Puts a text among the strings of `.BTF` and gives its place there.
using PutString = std::function<uint32_t(std::string_view)>;

/// struct bpf_line_info one behind the other, one for each change of position. Of each file and of
/// each line the text is put once, however many records name it: a filter may be a single long
/// line.
Bytes line_records(const Program& program, const PutString& put);

}  // namespace vfm::bpf
