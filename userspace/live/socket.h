// The AF_XDP socket of one receive queue, with memory for its frames: frames come out of it burst
// by burst, and the chunks of each go back to its fill ring.
//
// The kernel copies each frame into chunks of kChunk bytes. Where it can (Linux 6.6) a frame may
// take several of them; it is put together here, for filters look at one piece of memory. A chunk
// is a credit of bpf/handover.h. Tested by tests/unit/live and tests/e2e/served.
#pragma once

#include <sys/uio.h>
#include <xdp/xsk.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/fd.h"
#include "core/base/result.h"
#include "core/run/packet.h"

namespace vfm::live {

struct SocketOptions {
    std::string interface;
    uint32_t ifindex = 0;
    uint32_t queue = 0;
    uint32_t frames = 2048;     ///< chunks, a power of two; each takes 4 KiB
    bool multi_buffer = false;  ///< frames longer than a chunk; needs Linux 6.6
    bool has_tags = false;      ///< a vfm_frame_tag stands before each frame
};

/// Not thread safe; lives as long as its queue is served.
class Socket {
  public:
    static constexpr uint32_t kBurst = 64;
    static constexpr uint32_t kFrameSize = 4096;
    /// What the kernel leaves free before a frame, and for it.
    static constexpr uint32_t kHeadroom = 256;
    static constexpr uint32_t kChunk = kFrameSize - kHeadroom;

    /// Binds to the queue, with all chunks in the fill ring. Fails with Status::refused: no such
    /// queue, another socket holds it, no CAP_NET_RAW, a limit on locked memory, no memory.
    static Result<std::unique_ptr<Socket>> open(const SocketOptions& options);
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    ~Socket();

    /// The next frames, at most kBurst, each in one piece from its Ethernet header on, with the
    /// time (CLOCK_MONOTONIC) at which they were taken; valid until give_back(), which must come
    /// before the next call. Never waits.
    std::span<const Packet> receive();
    /// Of frame `i` of the burst: its bytes where the kernel has put them, with kHeadroom bytes
    /// before them that nobody needs once info() was asked; and what else is known of it.
    std::span<iovec> chunks(size_t i) {
        return std::span(chunks_).subspan(begins_[i], begins_[i + 1] - begins_[i]);
    }
    FrameInfo info(size_t i) const;
    bool has_tags() const { return options_.has_tags; }
    /// What the burst took, in credits.
    uint64_t burst_credits() const;
    /// Chunks of the last burst go back to the kernel.
    void give_back();
    /// True if a frame waits.
    bool has_frames();

    /// Frames that the kernel has dropped since the socket was opened although it was handed them:
    /// no chunk was free, the ring was full, or a frame was too long.
    uint64_t lost() const;
    /// An error that has come over the socket, as when its interface is gone; 0 if none.
    int error() const;
    /// For poll(): readable when frames wait.
    int fd() const { return xsk_socket__fd(socket_); }
    uint32_t credits() const { return options_.frames; }

  private:
    explicit Socket(const SocketOptions& options) : options_(options) {}
    Result<> make();
    std::unexpected<Failure> refused(const char* what, int error) const;
    void join(size_t frame);

    SocketOptions options_;
    uint8_t* memory_ = nullptr;
    xsk_umem* umem_ = nullptr;
    xsk_socket* socket_ = nullptr;
    xsk_ring_prod fill_{};
    xsk_ring_cons completion_{};
    xsk_ring_cons received_{};
    uint32_t taken_ = 0;  // descriptors of the last burst
    uint32_t first_ = 0;  // the first of them
    uint32_t frame_count_ = 0;
    std::array<Packet, kBurst> packets_;
    std::array<iovec, kBurst> chunks_;
    std::array<uint32_t, kBurst + 1> begins_{};  // of each frame in chunks_, and the end
    std::vector<uint8_t> joined_;                // frames of several chunks, of one burst
    size_t joined_size_ = 0;
};

}  // namespace vfm::live
