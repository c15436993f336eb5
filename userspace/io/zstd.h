// What is used of libzstd. dpkg itself needs the library, so every Debian has it; its header comes
// with libzstd-dev alone. Where that is missing the same declarations stand here: they are of the
// interface that libzstd.so.1 keeps.
#pragma once

#if __has_include(<zstd.h>)
#include <zstd.h>
#else
#include <cstddef>

// NOLINTBEGIN(readability-identifier-naming): names of others
extern "C" {
struct ZSTD_DCtx;
struct ZSTD_inBuffer {
    const void* src;
    size_t size;
    size_t pos;
};
struct ZSTD_outBuffer {
    void* dst;
    size_t size;
    size_t pos;
};
ZSTD_DCtx* ZSTD_createDCtx();
size_t ZSTD_freeDCtx(ZSTD_DCtx* context);
/// 0 at the end of a frame, else a hint or an error.
size_t ZSTD_decompressStream(ZSTD_DCtx* context, ZSTD_outBuffer* output, ZSTD_inBuffer* input);
unsigned ZSTD_isError(size_t code);
const char* ZSTD_getErrorName(size_t code);
}
// NOLINTEND(readability-identifier-naming)
#endif
