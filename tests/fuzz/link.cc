// Any bytes as a packet of the link type that the first two say.
#include "tests/fuzz/captures.h"

using namespace vfm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 2) return 0;
    const ByteView packet(data + 2, size - 2);
    Bytes file;
    for (const uint32_t word : {0xa1b2c3d4u, 0x00040002u, 0u, 0u, 65535u}) append_le(file, word, 4);
    append_le(file, load_le<uint16_t>(data), 4);
    for (const size_t word : {size_t{1}, size_t{2}, packet.size(), packet.size()})
        append_le(file, word, 4);
    file.insert(file.end(), packet.begin(), packet.end());
    fuzz::read_capture(file);
    return 0;
}
