// The map of a program's expressions as the columns that stand on disk, and back. Of this room
// alone.
#pragma once

#include <core/module/vfm_module.pb.h>

#include <optional>
#include <string>

#include "core/module/module.h"

namespace vfm {

void put_expressions(const ExpressionMap& from, file::Expressions& to);

/// Fills `map`, which lies in `code_size` bytes of code and in the texts of `module`, whose source
/// and counter groups are known. The reason where the columns do not fit each other or these.
std::optional<std::string> get_expressions(const file::Expressions& in, size_t code_size,
                                           const Module& module, ExpressionMap& map);

}  // namespace vfm
