// The time of a program in the kernel, taken from within by a wrapper that goes on in it.
#pragma once

#include <memory>

#include "core/base/fd.h"
#include "tests/bench/kernel/subjects.h"

namespace vfm::bench {

/// The heads of a subject's packets in the kernel, for all who are timed on them.
class Heads {
  public:
    static Result<Heads> make(const std::vector<Bytes>& heads);
    int map() const { return map_.get(); }

  private:
    Fd map_;
};

/// How many runs are timed at once, and those before them that warm caches and predictors up.
struct Runs {
    uint32_t timed = 131'072;
    uint32_t warm = 4'096;
};

/// Every program has a wrapper of its own: programs take turns without anything being patched. Not
/// thread safe.
class Timed {
  public:
    /// `program` is a descriptor of an XDP program, or less than 0 for one that does nothing. Fails
    /// with Status::refused.
    static Result<Timed> make(int program, const Heads& heads);

    // ns a run, that of the wrapper and of the kernel's loop included; the same seed draws the same
    // packets. Fail with Status::refused.
    /// The same packet again and again, 16 of them one after the other.
    Result<double> fixed(const Runs& runs, uint32_t seed);
    /// Another packet each time.
    Result<double> varied(const Runs& runs, uint32_t seed);

  private:
    struct Unmap {
        void operator()(bench_clock* clock) const;
    };
    Timed() = default;
    Result<double> run(const Runs& runs, uint32_t seed, uint32_t same);

    twins::ObjectFile wrapper_;
    std::unique_ptr<bench_clock, Unmap> clock_;
};

}  // namespace vfm::bench
