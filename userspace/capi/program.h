// vfm_program_t: a verified program that VMs on any number of threads use at once.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/result.h"
#include "core/verify/verify.h"
#include "userspace/capi/vfm.h"
#include "userspace/flow/user_program.h"

namespace vfm::capi {

using Compiled = Result<std::shared_ptr<const UserProgram>>;

class Program {
  public:
    /// Parses, if `bytes` are a module, and verifies. `name` is what messages call the program.
    static Result<std::shared_ptr<const Program>> make(ByteView bytes, const std::string& name);
    /// The same program with another instruction limit.
    Result<std::shared_ptr<const Program>> with_limit(uint64_t limit) const;

    Program(VerifiedModule verified, std::string name);

    const VerifiedModule& verified() const { return verified_; }
    /// What messages call the program.
    const std::string& name() const { return name_; }
    /// NOW is in it: whoever runs it reads the clock for each packet.
    bool reads_clock() const { return reads_clock_; }
    /// The program as native code, for bursts too, or for the interpreter; or why it cannot be.
    /// Made for the first VM that asks.
    const Compiled& native() const;
    const Compiled& interpreted() const;

  private:
    VerifiedModule verified_;
    std::string name_;
    bool reads_clock_ = false;
    mutable std::mutex compiling_;
    // Neither changes once it is there.
    mutable std::optional<const Compiled> native_, interpreted_;
};

}  // namespace vfm::capi

/// What the handle points to.
struct vfm_program {
    std::shared_ptr<const vfm::capi::Program> program;
};
