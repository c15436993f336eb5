// How a frame that passes goes on: into the host's own stack, as if it came in on the same
// interface.
//
// A TAP device is the way in. Its tc ingress redirects each frame to the receive path of the target
// before anything of the stack sees it there: once, with the target's own taps, tc programs, bridge
// and VLANs, and without its generic XDP running again. The device is its descriptors': it goes
// with the process, however that ends.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "userspace/live/rtnetlink.h"

namespace vfm {

/// Of one queue, in frames.
struct GiveCounts {
    uint64_t given = 0;      ///< the stack has them
    uint64_t no_memory = 0;  ///< lost: ENOBUFS, ENOMEM, EAGAIN
    uint64_t down = 0;       ///< lost: the helper is not up
    uint64_t refused = 0;    ///< lost: no Ethernet frame, too many pieces or too long
    uint64_t other = 0;      ///< lost
    uint64_t lost() const { return no_memory + down + refused + other; }
};

class GiveBack {
  public:
    /// The most pieces one frame may have.
    static constexpr size_t kMaxChunks = 32;
    /// Bytes before a frame that must be there; they are overwritten.
    static constexpr size_t kHeadroom = 10;

    /// A helper for the interface with the index `target` in the caller's network namespace, with
    /// one way in for each of `queues` threads. Refused with what is missing: the privilege
    /// (CAP_NET_ADMIN), /dev/net/tun, the kernel's u32 classifier or mirred action; an interface
    /// that is no Ethernet or has no address.
    static Result<std::unique_ptr<GiveBack>> open(int target, unsigned queues);
    ~GiveBack();
    GiveBack(const GiveBack&) = delete;
    GiveBack& operator=(const GiveBack&) = delete;

    /// Empty if a helper can be made here; otherwise what is missing. Makes one that leads to the
    /// loopback interface and takes it away again.
    static std::string missing();

    /// Puts what the stack must know of a frame before it. `chunks` are the frame from its Ethernet
    /// header on, with all headers of it in the first one, before which are kHeadroom bytes that
    /// are overwritten; it begins there afterwards. An SCTP checksum may be completed in place.
    void prepare(std::span<iovec> chunks) const;
    /// One frame that was prepared. By the time it returns the stack has done its work on the
    /// frame, so a caller is never faster than the stack. False, and counted, if it was lost. No
    /// allocation. One thread at a time for each queue.
    bool give(unsigned queue, std::span<const iovec> chunks);

    /// What frames of the queue are written to.
    int fd(unsigned queue) const { return queues_[queue].fd; }
    /// For any thread.
    GiveCounts counts(unsigned queue) const;

    /// Takes over the target's MAC, MTU and name as they are now. Refused if the target is gone
    /// from the namespace. One thread at a time; beside give().
    Result<> update();

    const std::string& name() const { return name_; }
    int index() const { return index_; }

  private:
    struct alignas(64) Queue {
        int fd = -1;
        std::atomic<uint64_t> given{0}, no_memory{0}, down{0}, refused{0}, other{0};
        bool count(int error);
    };

    GiveBack(int target, unsigned queues, NetlinkSocket socket)
        : target_(target), queues_(queues), socket_(std::move(socket)) {}
    Result<> make();
    Result<> open_queues();
    Result<> dress(bool with_ipv6);
    Result<> redirect();
    Result<> raise();

    int target_;
    int index_ = 0;
    std::string name_;
    std::string target_name_;
    Bytes mac_;
    std::atomic<unsigned> mtu_{0};
    std::vector<Queue> queues_;
    NetlinkSocket socket_;
};

}  // namespace vfm
