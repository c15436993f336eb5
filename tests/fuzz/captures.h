// Reading a capture that lies in memory to its end, for the targets that make one.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "tests/fuzz/fuzz.h"
#include "userspace/io/capture.h"
#include "userspace/io/capture_writer.h"

namespace vfm::fuzz {

/// Every byte can be read.
inline void touch(ByteView bytes) {
    volatile uint8_t sum = 0;
    for (const uint8_t byte : bytes) sum = static_cast<uint8_t>(sum + byte);
}

/// Packet by packet, to its end or to where it is broken; each is written again, too.
inline void read_capture(ByteView file) {
    const int fd = memfd_create("capture", 0);
    VFM_CHECK(fd >= 0 && write(fd, file.data(), file.size()) == static_cast<ssize_t>(file.size()),
              "a file in memory");
    {
        auto reader = CaptureReader::open("/proc/self/fd/" + std::to_string(fd));
        if (!reader) check_messages(reader.error());
        auto writer = CaptureWriter::create("/dev/null");
        while (reader) {
            const auto packet = reader->next();
            if (!packet) check_messages(packet.error());
            if (!packet || !*packet) break;
            const CapturedPacket& captured = **packet;
            touch(captured.record.bytes);
            touch(captured.packet.bytes);
            VFM_CHECK(captured.packet.bytes.size() <=
                          std::max<size_t>(captured.record.bytes.size() + 14, kMaxPacket),
                      "a header more at most");
            VFM_CHECK(captured.record.interface.number < reader->interfaces(),
                      "interfaces are counted before their packets");
            writer->write(captured.record, reader->interfaces());
        }
    }
    close(fd);
}

}  // namespace vfm::fuzz
