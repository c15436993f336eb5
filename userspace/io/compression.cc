#include "userspace/io/compression.h"

#include <fmt/core.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <vector>

namespace vfm {
namespace {

using namespace std::string_view_literals;

constexpr size_t kPackedBuffer = size_t{128} << 10;

constexpr Compression kCompressions[] = {
    {"gzip", "\x1f\x8b"sv, open_gzip},
    {"zstd", "\x28\xb5\x2f\xfd"sv, open_zstd},
    {"zstd", "\x50\x2a\x4d\x18"sv, open_zstd},  // pzstd says first how much follows
};

std::unexpected<Failure> packed_failure(const std::string& name, std::string_view method,
                                        std::string_view why) {
    return fail(Diagnostic::about(name, fmt::format("{} data: {}", method, why)));
}

/// The compressed bytes, a buffer at a time.
class PackedBytes {
  public:
    explicit PackedBytes(std::unique_ptr<ByteSource> source)
        : source_(std::move(source)), buffer_(kPackedBuffer) {}

    /// Those not yet used; reads more if there are none. Empty at the end.
    Result<std::span<uint8_t>> more() {
        if (rest_.empty()) rest_ = std::span(buffer_).first(TRY(source_->read(buffer_)));
        return rest_;
    }
    void use(size_t count) { rest_ = rest_.subspan(count); }

  private:
    std::unique_ptr<ByteSource> source_;
    std::vector<uint8_t> buffer_;
    std::span<uint8_t> rest_;
};

class GzipSource final : public ByteSource {
  public:
    GzipSource(std::unique_ptr<ByteSource> packed, std::string name)
        : packed_(std::move(packed)), name_(std::move(name)) {
        // 16: with gzip's own header and checksum.
        ready_ = inflateInit2(&stream_, MAX_WBITS + 16) == Z_OK;
    }
    ~GzipSource() override { inflateEnd(&stream_); }
    bool ready() const { return ready_; }

    Result<size_t> read(std::span<uint8_t> into) override {
        while (!ended_) {
            // What is left inside may fill `into` without more input.
            std::span<uint8_t> input;
            if (!full_) {
                input = TRY(packed_.more());
                if (input.empty()) {
                    ended_ = true;
                    if (inside_) return packed_failure(name_, "gzip", "it ends too early");
                    break;
                }
                if (!inside_ && !TRY(begin_member(input))) continue;
            }
            const size_t made = TRY(inflate_into(input, into));
            if (made != 0) return made;
        }
        return size_t{0};
    }

  private:
    /// Between two members: zeros that fill a tape's block are passed over.
    Result<bool> begin_member(std::span<uint8_t> input) {
        const auto first = std::ranges::find_if(input, [](uint8_t byte) { return byte != 0; });
        if (first != input.begin() && members_ != 0) {
            packed_.use(static_cast<size_t>(first - input.begin()));
            padded_ = true;
            return false;
        }
        if (padded_ || (members_ != 0 && input[0] != 0x1f)) {
            ended_ = true;
            return packed_failure(name_, "gzip", "other bytes stand behind its end");
        }
        inside_ = true;
        ++members_;
        return true;
    }

    Result<size_t> inflate_into(std::span<uint8_t> input, std::span<uint8_t> into) {
        const auto room = static_cast<uInt>(std::min(into.size(), size_t{1} << 30));
        stream_.next_in = input.data();
        stream_.avail_in = static_cast<uInt>(input.size());
        stream_.next_out = into.data();
        stream_.avail_out = room;
        const int status = inflate(&stream_, Z_NO_FLUSH);
        packed_.use(input.size() - stream_.avail_in);
        const size_t made = room - stream_.avail_out;
        full_ = made == room && status == Z_OK;
        if (status == Z_STREAM_END) {
            inside_ = false;
            inflateReset(&stream_);
        } else if (status != Z_OK && status != Z_BUF_ERROR && made == 0) {
            ended_ = true;
            return packed_failure(name_, "gzip", stream_.msg ? stream_.msg : "it is broken");
        }
        return made;
    }

    PackedBytes packed_;
    std::string name_;
    z_stream stream_{};
    uint64_t members_ = 0;
    bool ready_ = false, inside_ = false, full_ = false, padded_ = false, ended_ = false;
};

struct ZstdFree {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

class ZstdSource final : public ByteSource {
  public:
    ZstdSource(std::unique_ptr<ByteSource> packed, std::string name)
        : packed_(std::move(packed)), name_(std::move(name)), context_(ZSTD_createDCtx()) {}
    bool ready() const { return context_ != nullptr; }

    Result<size_t> read(std::span<uint8_t> into) override {
        while (!ended_) {
            // What is left inside may fill `into` without more input.
            std::span<uint8_t> input;
            if (!full_) {
                input = TRY(packed_.more());
                if (input.empty()) {
                    ended_ = true;
                    if (inside_) return packed_failure(name_, "zstd", "it ends too early");
                    break;
                }
            }
            ZSTD_inBuffer in = {input.data(), input.size(), 0};
            ZSTD_outBuffer out = {into.data(), into.size(), 0};
            const size_t status = ZSTD_decompressStream(context_.get(), &out, &in);
            if (ZSTD_isError(status)) {
                ended_ = true;
                return packed_failure(name_, "zstd", ZSTD_getErrorName(status));
            }
            packed_.use(in.pos);
            inside_ = status != 0;
            full_ = inside_ && out.pos == out.size;
            if (out.pos != 0) return out.pos;
        }
        return size_t{0};
    }

  private:
    PackedBytes packed_;
    std::string name_;
    std::unique_ptr<ZSTD_DCtx, ZstdFree> context_;
    bool inside_ = false, full_ = false, ended_ = false;
};

}  // namespace

const Compression* find_compression(ByteView begin) {
    for (const Compression& row : kCompressions)
        if (begin.size() >= row.magic.size() &&
            std::ranges::equal(as_bytes(row.magic), begin.first(row.magic.size())))
            return &row;
    return nullptr;
}

Result<std::unique_ptr<ByteSource>> open_gzip(std::unique_ptr<ByteSource> packed,
                                              const std::string& name) {
    auto source = std::make_unique<GzipSource>(std::move(packed), name);
    if (!source->ready()) return packed_failure(name, "gzip", "no memory to read it");
    return source;
}

Result<std::unique_ptr<ByteSource>> open_zstd(std::unique_ptr<ByteSource> packed,
                                              const std::string& name) {
    auto source = std::make_unique<ZstdSource>(std::move(packed), name);
    if (!source->ready()) return packed_failure(name, "zstd", "no memory to read it");
    return source;
}

}  // namespace vfm
