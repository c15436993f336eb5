// Compressed captures, read as what they hold: one row of a table for each way to compress.
//
// Memory is bounded whatever the data claim: a window of the method's own limit (32 KiB for gzip,
// 128 MiB for zstd) and two buffers.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "userspace/io/byte_source.h"

namespace vfm {

/// How the bytes behind `packed` are had: whole members one behind the other, as both programs take
/// them. What decompresses up to a broken place is given before the failure.
struct Compression {
    std::string_view name;   ///< "gzip"
    std::string_view magic;  ///< how such data begin
    /// `name` is the file's, for messages. Fails with
    /// Status::rejected where there is no memory for it.
    Result<std::unique_ptr<ByteSource>> (*open)(std::unique_ptr<ByteSource> packed,
                                                const std::string& name);
};

/// Bytes that tell every row.
inline constexpr size_t kCompressionMagic = 4;
/// The row of data that begin so, null if they are not compressed.
const Compression* find_compression(ByteView begin);

Result<std::unique_ptr<ByteSource>> open_gzip(std::unique_ptr<ByteSource> packed,
                                              const std::string& name);
Result<std::unique_ptr<ByteSource>> open_zstd(std::unique_ptr<ByteSource> packed,
                                              const std::string& name);

}  // namespace vfm
