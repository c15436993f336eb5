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

/// Bytes that are compressed in members, one behind the other.
class PackedSource : public ByteSource {
  public:
    Result<size_t> read(std::span<uint8_t> into) final {
        while (!ended_) {
            // What is left inside may fill `into` without more input.
            std::span<uint8_t> input;
            if (!full_) {
                input = TRY(packed_.more());
                if (input.empty()) {
                    if (inside_) return broken("it ends too early");
                    ended_ = true;
                    break;
                }
                if (!inside_ && !TRY(begin_member(input))) continue;
            }
            const size_t made = TRY(unpack(input, into));
            if (made != 0) return made;
        }
        return size_t{0};
    }

  protected:
    PackedSource(std::unique_ptr<ByteSource> packed, std::string name, std::string_view method)
        : packed_(std::move(packed)), name_(std::move(name)), method_(method) {}

    /// False if what stands before a member was used up: there may be more of it.
    virtual Result<bool> begin_member(std::span<uint8_t>) { return true; }
    /// Uses some of `input`, gives how many bytes of `into` are made; keeps inside_ and full_.
    virtual Result<size_t> unpack(std::span<uint8_t> input, std::span<uint8_t> into) = 0;

    std::unexpected<Failure> broken(std::string_view why) {
        ended_ = true;
        return packed_failure(name_, method_, why);
    }

    PackedBytes packed_;
    bool inside_ = false;  // of a member
    bool full_ = false;    // `into` was, so that more may be ready

  private:
    std::string name_;
    std::string_view method_;
    bool ended_ = false;
};

class GzipSource final : public PackedSource {
  public:
    GzipSource(std::unique_ptr<ByteSource> packed, std::string name)
        : PackedSource(std::move(packed), std::move(name), "gzip") {
        // 16: with gzip's own header and checksum.
        ready_ = inflateInit2(&stream_, MAX_WBITS + 16) == Z_OK;
    }
    ~GzipSource() override { inflateEnd(&stream_); }
    bool ready() const { return ready_; }

  private:
    /// Zeros that fill a tape's block are passed over.
    Result<bool> begin_member(std::span<uint8_t> input) override {
        const auto first = std::ranges::find_if(input, [](uint8_t byte) { return byte != 0; });
        if (first != input.begin() && members_ != 0) {
            packed_.use(static_cast<size_t>(first - input.begin()));
            padded_ = true;
            return false;
        }
        if (padded_ || (members_ != 0 && input[0] != 0x1f))
            return broken("other bytes stand behind its end");
        inside_ = true;
        ++members_;
        return true;
    }

    Result<size_t> unpack(std::span<uint8_t> input, std::span<uint8_t> into) override {
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
            return broken(stream_.msg ? stream_.msg : "it is broken");
        }
        return made;
    }

    z_stream stream_{};
    uint64_t members_ = 0;
    bool ready_ = false, padded_ = false;
};

struct ZstdFree {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

class ZstdSource final : public PackedSource {
  public:
    ZstdSource(std::unique_ptr<ByteSource> packed, std::string name)
        : PackedSource(std::move(packed), std::move(name), "zstd"), context_(ZSTD_createDCtx()) {}
    bool ready() const { return context_ != nullptr; }

  private:
    Result<size_t> unpack(std::span<uint8_t> input, std::span<uint8_t> into) override {
        ZSTD_inBuffer in = {input.data(), input.size(), 0};
        ZSTD_outBuffer out = {into.data(), into.size(), 0};
        const size_t status = ZSTD_decompressStream(context_.get(), &out, &in);
        if (ZSTD_isError(status)) return broken(ZSTD_getErrorName(status));
        packed_.use(in.pos);
        inside_ = status != 0;
        full_ = inside_ && out.pos == out.size;
        return out.pos;
    }

    std::unique_ptr<ZSTD_DCtx, ZstdFree> context_;
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
