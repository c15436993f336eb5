// Any bytes as a capture: it is read packet by packet to its end, or to where it is broken.
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "userspace/io/capture.h"

using namespace vfm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const int fd = memfd_create("capture", 0);
    VFM_CHECK(fd >= 0 && write(fd, data, size) == static_cast<ssize_t>(size), "a file in memory");
    {
        auto reader = CaptureReader::open("/proc/self/fd/" + std::to_string(fd));
        while (reader) {
            const auto packet = reader->next();
            if (!packet) {
                fuzz::check_messages(packet.error());
                break;
            }
            if (!*packet) break;
            const ByteView bytes = (*packet)->packet.bytes;
            VFM_CHECK(bytes.size() <= size, "a packet is a part of the file");
            // Every byte can be read.
            volatile uint8_t sum = 0;
            for (const uint8_t byte : bytes) sum = static_cast<uint8_t>(sum + byte);
        }
        if (!reader) fuzz::check_messages(reader.error());
    }
    close(fd);
    return 0;
}
