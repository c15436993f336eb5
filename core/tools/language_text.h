// The language as its tables have it: what `vflispc --fields` and `--forms` print.
#pragma once

#include <string>

namespace vfm {

/// A line a field, header and named number: for people, or as JSON lines.
std::string fields_text(bool json);
/// A line a form.
std::string forms_text(bool json);

}  // namespace vfm
