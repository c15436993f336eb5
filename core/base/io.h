// Whole files in, whole files out. `-` is standard input or output.
#pragma once

#include <string>

#include "core/base/bytes.h"
#include "core/base/result.h"

namespace vfm {

/// Every byte of a file. More than `limit` bytes, a directory, a missing or unreadable file is
/// Status::rejected with the reason.
Result<Bytes> read_file(const std::string& path, size_t limit = size_t{256} << 20);

/// The same as text.
Result<std::string> read_text(const std::string& path, size_t limit = size_t{16} << 20);

/// Writes all of it or nothing: a temporary file beside `path` is filled, synced and renamed, so a
/// full disk or a kill leaves no half-written output. A device or pipe is written in place;
/// a reader of standard output that has gone is no failure. Fails with Status::refused.
Result<> write_file(const std::string& path, ByteView bytes);

/// What messages call `path`: `<stdin>` for `-`.
std::string display_name(const std::string& path);

}  // namespace vfm
