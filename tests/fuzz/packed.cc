// Any bytes as compressed data, in pieces whose size the first byte says: all methods, whatever the
// magic number.
#include <algorithm>
#include <cstring>

#include "tests/fuzz/captures.h"
#include "userspace/io/compression.h"

using namespace vfm;

namespace {

/// Bytes in memory, some at a time.
class Pieces final : public ByteSource {
  public:
    Pieces(ByteView bytes, size_t piece) : rest_(bytes), piece_(piece) {}
    Result<size_t> read(std::span<uint8_t> into) override {
        const size_t size = std::min({rest_.size(), into.size(), piece_});
        if (size != 0) std::memcpy(into.data(), rest_.data(), size);
        rest_ = rest_.subspan(size);
        return size;
    }

  private:
    ByteView rest_;
    size_t piece_;
};

constexpr size_t kMostRead = size_t{16} << 20;  // of a bomb

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const size_t piece = data[0] + size_t{1};
    for (const auto open : {open_gzip, open_zstd}) {
        auto source = open(std::make_unique<Pieces>(ByteView(data + 1, size - 1), piece), "packed");
        if (!source) {
            fuzz::check_messages(source.error());
            continue;
        }
        Bytes into(piece * 16);
        for (size_t made = 0; made < kMostRead;) {
            const auto got = (*source)->read(into);
            if (!got) fuzz::check_messages(got.error());
            if (!got || *got == 0) break;
            VFM_CHECK(*got <= into.size(), "no more than there is room for");
            made += *got;
        }
    }
    return 0;
}
