#include "userspace/live/socket.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "bpf/handover.h"
#include "core/base/clock.h"
#include "userspace/live/if_xdp.h"

namespace vfm::live {
namespace {

static_assert(Socket::kHeadroom == 256, "XDP_PACKET_HEADROOM of the kernel");

constexpr int kTriesWhileBusy = 250;  // five seconds: under load two have been seen
constexpr timespec kBetweenTries = {.tv_sec = 0, .tv_nsec = 20'000'000};

std::string hint_for(int error) {
    switch (error) {
        case EBUSY:
            return "another AF_XDP socket holds this queue";
        case EPERM:
            return "AF_XDP sockets need CAP_NET_RAW";
        case ENOBUFS:
        case ENOMEM:
            return "the limit on locked memory (ulimit -l) or the machine's memory is too small";
        case EINVAL:
        case ENODEV:
            return "has the interface so many queues? `ethtool -l` shows them";
        case EMFILE:
            return "the limit on open files (ulimit -n) is too small";
        case EAFNOSUPPORT:
            return "this kernel was built without CONFIG_XDP_SOCKETS";
        default:
            return {};
    }
}

}  // namespace

Result<std::unique_ptr<Socket>> Socket::open(const SocketOptions& options) {
    std::unique_ptr<Socket> socket(new Socket(options));
    TRY(socket->make());
    return socket;
}

std::unexpected<Failure> Socket::refused(const char* what, int error) const {
    auto diagnostic = Diagnostic::about(
        options_.interface,
        fmt::format("queue {}: cannot {}: {}", options_.queue, what, std::strerror(error)));
    diagnostic.hint = hint_for(error);
    return fail(std::move(diagnostic), Status::refused);
}

Result<> Socket::make() {
    const size_t size = size_t{options_.frames} * kFrameSize;
    void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) return refused("get memory for frames", errno);
    memory_ = static_cast<uint8_t*>(memory);
    const xsk_umem_config umem = {.fill_size = options_.frames,
                                  .comp_size = 64,  // nothing is sent; a ring there must be
                                  .frame_size = kFrameSize,
                                  .frame_headroom = 0,
                                  .flags = 0};
    if (const int error = xsk_umem__create(&umem_, memory_, size, &fill_, &completion_, &umem);
        error != 0)
        return refused("give the kernel memory for frames", -error);
    // Copies: what a driver does without them differs from one to the next.
    const auto bind = XDP_COPY | XDP_USE_NEED_WAKEUP | (options_.multi_buffer ? XDP_USE_SG : 0);
    xsk_socket_config config{};
    config.rx_size = options_.frames;
    config.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD;
    config.bind_flags = static_cast<uint16_t>(bind);
    // The kernel frees a queue some time after its last socket is closed.
    int error = 0;
    for (int tries = 0; tries < kTriesWhileBusy; ++tries) {
        error = xsk_socket__create(&socket_, options_.interface.c_str(), options_.queue, umem_,
                                   &received_, nullptr, &config);
        if (error != -EBUSY) break;
        nanosleep(&kBetweenTries, nullptr);
    }
    if (error != 0) return refused("open an AF_XDP socket", -error);
    // Room for the longest frame, and for as much as a burst of chunks can hold.
    if (options_.multi_buffer) joined_.resize(size_t{kBurst} * kChunk);

    uint32_t at = 0;
    xsk_ring_prod__reserve(&fill_, options_.frames, &at);
    for (uint32_t i = 0; i < options_.frames; ++i)
        *xsk_ring_prod__fill_addr(&fill_, at + i) = uint64_t{i} * kFrameSize;
    xsk_ring_prod__submit(&fill_, options_.frames);
    return {};
}

Socket::~Socket() {
    if (socket_) xsk_socket__delete(socket_);
    if (umem_) xsk_umem__delete(umem_);
    if (memory_) munmap(memory_, size_t{options_.frames} * kFrameSize);
}

bool Socket::has_frames() { return xsk_cons_nb_avail(&received_, 1) > 0; }

std::span<const Packet> Socket::receive() {
    taken_ = xsk_ring_cons__peek(&received_, kBurst, &first_);
    frame_count_ = 0;
    if (taken_ == 0) return {};
    const uint64_t now = monotonic_now();
    joined_size_ = 0;
    uint32_t whole = 0;  // descriptors of whole frames
    for (uint32_t i = 0; i < taken_; ++i) {
        const xdp_desc* const one = xsk_ring_cons__rx_desc(&received_, first_ + i);
        chunks_[i] = {memory_ + one->addr, one->len};
        if ((one->options & XDP_PKT_CONTD) != 0) continue;
        const size_t frame = frame_count_++;
        packets_[frame] = {.bytes = {memory_ + one->addr, one->len}, .timestamp = now};
        begins_[frame + 1] = i + 1;
        if (i != whole) join(frame);
        whole = i + 1;
    }
    // The rest of a frame that the burst has cut comes with the next one: no frame fills a burst.
    if (whole != taken_) xsk_ring_cons__cancel(&received_, taken_ - whole);
    taken_ = whole;
    return std::span(packets_).first(frame_count_);
}

void Socket::join(size_t frame) {
    const size_t at = joined_size_;
    for (const iovec& chunk : chunks(frame)) {
        std::memcpy(joined_.data() + joined_size_, chunk.iov_base, chunk.iov_len);
        joined_size_ += chunk.iov_len;
    }
    packets_[frame].bytes = ByteView(joined_).subspan(at, joined_size_ - at);
}

FrameInfo Socket::info(size_t i) const {
    FrameInfo info = {.interface = options_.ifindex, .queue = options_.queue};
    if (!options_.has_tags) return info;
    vfm_frame_tag tag;
    const auto* const begin = static_cast<const uint8_t*>(chunks_[begins_[i]].iov_base);
    std::memcpy(&tag, begin - sizeof tag, sizeof tag);
    info.taken_tag = {.protocol = ntohs(tag.protocol), .tci = tag.tci};
    return info;
}

uint64_t Socket::burst_credits() const {
    if (taken_ == frame_count_) return taken_;
    uint64_t credits = 0;
    for (const Packet& packet : std::span(packets_).first(frame_count_))
        credits += vfm_credits(packet.bytes.size(), kChunk);
    return credits;
}

void Socket::give_back() {
    if (taken_ == 0) return;
    uint32_t at = 0;
    // There is room for every chunk: the ring has as many entries as there are chunks.
    xsk_ring_prod__reserve(&fill_, taken_, &at);
    for (uint32_t i = 0; i < taken_; ++i) {
        const uint64_t address = xsk_ring_cons__rx_desc(&received_, first_ + i)->addr;
        *xsk_ring_prod__fill_addr(&fill_, at + i) = address & ~uint64_t{kFrameSize - 1};
    }
    xsk_ring_prod__submit(&fill_, taken_);
    xsk_ring_cons__release(&received_, taken_);
    taken_ = 0;
}

uint64_t Socket::lost() const {
    xdp_statistics statistics{};
    socklen_t size = sizeof statistics;
    if (getsockopt(fd(), SOL_XDP, XDP_STATISTICS, &statistics, &size) != 0) return 0;
    return statistics.rx_dropped + statistics.rx_ring_full;
}

int Socket::error() const {
    int error = 0;
    socklen_t size = sizeof error;
    return getsockopt(fd(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

}  // namespace vfm::live
