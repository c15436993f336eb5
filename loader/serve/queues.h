// The receive queues of an interface that is served: a socket and a thread each.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "core/base/fd.h"
#include "core/base/result.h"
#include "loader/interface.h"
#include "loader/serve/handover.h"
#include "userspace/flow/user_program.h"
#include "userspace/live/worker.h"

namespace vfm {

/// What all queues of one filter have in common. What is pointed to outlives them.
struct QueueParts {
    Interface interface;
    uint32_t frames = 2048;          ///< of each queue
    uint32_t most = VFM_MAX_QUEUES;  ///< queues that there may ever be
    bool multi_buffer = false;
    bool has_tags = false;
    bool drop_on_error = false;
    std::shared_ptr<const UserProgram> program;
    std::shared_ptr<SharedTables> tables;
    std::vector<std::shared_ptr<LiveSet>> live_sets;  ///< as InstanceOptions has them
    Handover* handover = nullptr;
    GiveBack* give_back = nullptr;
    std::span<vfm_served> served;  ///< entry 1 + i is queue i's
    std::span<std::byte>
        counters;  ///< part i (counters_part()) is queue i's; empty: there are none
    std::span<std::byte> enforce =
        {};  ///< vfm_enforce and the queues' words; empty: all is enforced
};

/// Not thread safe. Ends its threads when it goes.
class Queues {
  public:
    static Result<std::unique_ptr<Queues>> open(QueueParts parts);
    Queues(const Queues&) = delete;
    Queues& operator=(const Queues&) = delete;
    ~Queues() { stop(); }

    /// A socket and a thread for the next queue. Fails with Status::refused.
    Result<> add();
    uint32_t size() const { return static_cast<uint32_t>(queues_.size()); }

    /// From now on packets follow the on-error verdict, but what waits is still served.
    void silence();
    /// Ends the threads: each serves what is in its ring first.
    void stop();

    /// Queues whose sockets get none of the frames that are handed to them.
    std::vector<uint32_t> deaf() const;
    /// errno of the first socket with an error, or 0.
    int error() const;

  private:
    struct Queue {
        std::unique_ptr<live::Worker> worker;
        std::thread thread;
    };
    live::Enforcement enforcement_of(uint32_t queue, std::shared_ptr<Counters> counters) const;
    explicit Queues(QueueParts parts) : parts_(std::move(parts)) {}

    QueueParts parts_;
    Fd stop_;  // an eventfd
    std::vector<Queue> queues_;
};

}  // namespace vfm
