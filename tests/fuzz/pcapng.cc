// Any bytes as what follows the section header of a pcapng file: the first one says which byte
// order.
#include "tests/fuzz/captures.h"

using namespace vfm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const bool swapped = data[0] % 2 == 1;
    Bytes file;
    for (const uint32_t word : {0x0a0d0d0au, 28u, 0x1a2b3c4du}) append_le(file, word, 4);
    append_le(file, 1, 2);  // version 1.0
    append_le(file, 0, 2);
    append_le(file, UINT64_MAX, 8);
    append_le(file, 28, 4);
    if (swapped) {
        for (const size_t at : {4, 8, 24}) std::reverse(file.begin() + at, file.begin() + at + 4);
        std::swap(file[12], file[13]);
    }
    file.insert(file.end(), data + 1, data + size);
    fuzz::read_capture(file);
    return 0;
}
