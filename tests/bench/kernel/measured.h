// One run: everything that is timed takes turns, round by round.
#pragma once

#include <memory>

#include "tests/bench/kernel/counted.h"
#include "tests/bench/kernel/loaded.h"
#include "tests/bench/kernel/timed.h"

namespace vfm::bench {

/// ns a run, a value for each round.
struct Times {
    std::vector<double> fixed, varied;
};

struct Contestant {
    Size size;
    std::vector<double> load_ms;  ///< a value for each load
    Times times;
};

struct Measured {
    std::string name, what;
    Contestant ours, clang;
    Times null;
    Executed executed;
};

struct Plan {
    unsigned rounds = 21;
    unsigned copies = 3;  ///< of each program: where its code lies tells as much as what it does
    unsigned loads = 15;
    Runs runs;
};

/// Fails with Status::refused where the kernel does not take a program, with Status::disagree where
/// ours and the C do not decide alike.
Result<std::vector<Measured>> measure_in_kernel(const std::vector<Subject>& subjects,
                                                const Plan& plan);

/// While it lives, this thread goes before all others on its CPU, where it may: real-time priority.
class FirstOnCpu {
  public:
    FirstOnCpu();
    FirstOnCpu(const FirstOnCpu&) = delete;
    FirstOnCpu& operator=(const FirstOnCpu&) = delete;
    ~FirstOnCpu();
    bool is() const { return is_; }

  private:
    bool is_;
};

}  // namespace vfm::bench
