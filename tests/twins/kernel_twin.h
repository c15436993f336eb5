// The C twins of the cookbook's measured filters in the kernel, run by BPF_PROG_TEST_RUN.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/run/packet.h"
#include "tests/twins/twin_abi.h"

namespace vfm::twins {

struct Twin {
    std::string_view name;    ///< "H1"
    std::string_view filter;  ///< "01-syn-limit": docs/cookbook/*.vfl, tests/twins/*.bpf.c
    bool reads_clock;         ///< built with a clock of its own for tests, too
};

const std::vector<Twin>& all_twins();

inline std::ostream& operator<<(std::ostream& out, const Twin& twin) {
    return out << twin.name << ", " << twin.filter;
}

enum class Clock : uint8_t {
    kernel,  ///< bpf_ktime_get_ns(): what is measured
    packet,  ///< the time of the packet that runs
};

struct CloseObject {
    void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using ObjectFile = std::unique_ptr<bpf_object, CloseObject>;

std::string path_of(const Twin& twin, Clock clock);
/// Its object file, ready to be loaded. Fails with Status::refused.
Result<ObjectFile> open_twin(const Twin& twin, Clock clock);

/// A twin that is loaded, with maps of its own. Not thread safe where nothing else is said.
class KernelTwin {
  public:
    /// Fails with Status::refused where the kernel does not take it.
    static Result<KernelTwin> load(const Twin& twin, Clock clock);

    /// XDP_PASS or XDP_DROP; nothing if the test run does not take such a packet (below 14 bytes,
    /// beyond one buffer), of which nothing is then counted.
    std::optional<uint32_t> run(const Packet& packet);

    // Of these two several threads may be in at once.
    /// run() by the clock as it is.
    std::optional<uint32_t> run_now(const Packet& packet) const;
    /// Sets the clock of Clock::packet forward.
    void advance(uint64_t nanoseconds) const;

    /// The sum over all CPUs.
    twin_counts counts() const;
    /// Entries of each flow table, ascending.
    std::vector<size_t> table_sizes() const;
    int fd() const { return program_; }

  private:
    struct Unmap {
        void operator()(uint64_t* clock) const;
    };
    KernelTwin() = default;

    ObjectFile object_;
    int program_ = -1;
    int counts_ = -1;
    std::unique_ptr<uint64_t, Unmap> clock_;  // null: the kernel's
};

}  // namespace vfm::twins
