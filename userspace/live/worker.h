// The thread of one receive queue: frames come from its socket in bursts, the filter decides, what
// passes is given to the host's own stack, and the thread says that it lives.
//
// It beats for its own queue only, after it has looked at its ring, and never sleeps longer than
// kSleep, so that a thread that hangs is a queue that is unserved (bpf/handover.h).
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>

#include "bpf/handover.h"
#include "bpf/vfm_abi.h"
#include "core/run/program.h"
#include "userspace/flow/shared_tables.h"
#include "userspace/live/give_back.h"
#include "userspace/live/socket.h"

namespace vfm::live {

/// Of a filter of which not all drops are carried out (bpf/handover.h).
struct Enforcement {
    const vfm_enforce* shared = nullptr;  ///< null: all are
    std::span<uint64_t> would_drop{};     ///< this thread's words
    std::shared_ptr<Counters> counters;   ///< in which the filter counts; null if it has none
};

/// What a worker is made of. What is pointed to outlives it.
struct WorkerParts {
    std::unique_ptr<Socket> socket;
    std::unique_ptr<Instance> filter;
    SharedTables* tables = nullptr;  ///< which the filter's instances run on
    GiveBack* give_back = nullptr;
    unsigned queue = 0;           ///< of the interface, and of `give_back`
    vfm_queue* shared = nullptr;  ///< with the program that hands frames over
    vfm_stats* stats = nullptr;   ///< this thread's; read by others
    bool drop_on_error = false;
    Enforcement enforcement = {};
    int stop = -1;  ///< an eventfd, readable when the thread is to end
};

class Worker {
  public:
    static constexpr std::chrono::milliseconds kSleep{250}, kShortSleep{10};
    static constexpr std::chrono::milliseconds kSettleEvery{50};
    /// A frame that has waited longer is not given back any more.
    static constexpr std::chrono::seconds kStale{1};
    /// So many frames handed over and none arrived: the queue's socket gets none.
    static constexpr uint64_t kDeafAfter = 64;

    explicit Worker(WorkerParts parts);

    /// Serves until the stop descriptor is readable, then what is still in the ring, and returns.
    void run();

    /// Beats no more, so that packets follow the on-error verdict. Any thread.
    void silence();
    /// Frames that are handed over do not arrive; it is silent then. Any thread.
    bool is_deaf() const { return deaf_.load(std::memory_order_relaxed); }
    /// errno of what has come over the socket, or 0. Any thread.
    int error() const { return error_.load(std::memory_order_relaxed); }

  private:
    struct Tally {
        uint64_t bytes = 0, pass = 0, drop = 0, log = 0, lost = 0, overrun = 0;
        std::array<uint64_t, VFM_ERROR_KINDS> errors{};
    };

    struct Passing {
        std::span<const iovec> chunks;
        bool is_logged = false;
    };

    void serve(std::span<const Packet> packets);
    void decide(std::span<const Packet> packets);
    void run(std::span<const Packet> packets, std::span<Outcome> outcomes);
    bool withholds(const Packet& packet, uint64_t share, uint64_t counter);
    void give(std::span<const Passing> frames, uint64_t since, Tally& tally);
    void discard_stale(std::span<const Packet> packets);
    void end_burst(size_t packets);
    bool rest();
    void settle_credits(uint64_t now);
    void serve_outstanding();
    void serve_waiting();
    void count_lost();
    void look_for_deafness(uint64_t now, uint64_t redirected);
    void add(const Tally& tally, size_t packets);
    void beat(uint64_t now);

    WorkerParts parts_;
    std::array<Outcome, Socket::kBurst> outcomes_;
    std::array<uint64_t, Socket::kBurst> counted_{};  // Counters::last(), of one that withholds
    std::array<Passing, Socket::kBurst> passing_;
    uint64_t looked_ = 0;       // when the ring was looked at last
    uint64_t settled_ = 0;      // when credits were settled last
    uint64_t received_ = 0;     // frames, ever
    uint64_t lost_before_ = 0;  // Socket::lost() that is counted already
    uint64_t idle_since_ = 0, idle_redirected_ = 0;
    uint64_t begun_at_ = 0;        // credits that were taken before
    uint64_t expected_since_ = 0;  // when frames should have come; 0: none is missing
    std::atomic<bool> deaf_ = false, silent_ = false;
    std::atomic<int> error_ = 0;
};

}  // namespace vfm::live
