// Any bytes as a capture, of whatever kind and compressed or not.
#include "tests/fuzz/captures.h"

using namespace vfm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    fuzz::read_capture({data, size});
    return 0;
}
