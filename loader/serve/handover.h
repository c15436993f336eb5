// The program that hands frames to user space (bpf/handover.bpf.c), loaded for one interface, with
// the maps through which it and the process that serves know of each other.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "bpf/handover.h"
#include "core/base/fd.h"
#include "core/base/result.h"
#include "loader/interface.h"

struct handover_bpf;

namespace vfm {

struct HandoverOptions {
    bool drop_on_error = false;
    bool generic = true;        ///< not in the driver: a queue's frames may come on several CPUs
    bool multi_buffer = false;  ///< frames of several pieces; needs Linux 5.18
    /// Asks the driver for the VLAN tag that its receive offload has taken; then the program is
    /// bound to the interface, cannot run in generic mode, and the kernel refuses it where the
    /// driver cannot tell.
    bool ask_for_tags = false;
    int enforce = -1;  ///< the map `vfm_enforce` of a filter that withholds; stays the caller's
};

class Handover {
  public:
    /// Fails with Status::refused.
    static Result<Handover> load(const Interface& interface, const HandoverOptions& options);
    Handover(Handover&&) noexcept;
    Handover& operator=(Handover&&) noexcept;
    ~Handover();

    /// The same program once more, on the same maps. Its queues() may not be asked.
    Result<Handover> twin() const;

    int program() const;
    /// Shared with the program: VFM_MAX_QUEUES of them.
    std::span<vfm_queue> queues() const { return {queues_, VFM_MAX_QUEUES}; }
    /// Frames of this queue go to the socket from now on, if its thread beats.
    Result<> set_socket(uint32_t queue, int socket) const;

    /// A map that outlives the process, and the name of its pin.
    struct PinnedMap {
        const char* name;
        int fd;
    };
    /// What this side counts and shares.
    std::vector<PinnedMap> pinned_maps() const;

  private:
    Handover(const Interface& interface, const HandoverOptions& options)
        : options_(options), interface_(interface) {}
    Result<> open();
    Result<> load();
    struct Closer {
        void operator()(handover_bpf* object) const;
    };
    std::unique_ptr<handover_bpf, Closer> object_;
    vfm_queue* queues_ = nullptr;
    HandoverOptions options_;
    Interface interface_;
};

}  // namespace vfm
