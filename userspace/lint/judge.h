// Runs of the reference engine: what filters, and parts of them, do with packets.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "core/base/result.h"
#include "core/run/program.h"
#include "userspace/lint/probes.h"

namespace vfm::lint {

/// drop, pass, log or an error: what two outcomes are told apart by.
struct Verdict {
    enum class Kind : uint8_t { drop, pass, log, error } kind = Kind::drop;
    ErrorKind error = ErrorKind::success;

    static Verdict of(const Outcome& outcome);
    bool lets_in() const { return kind == Kind::pass || kind == Kind::log; }
    bool operator==(const Verdict&) const = default;
};
/// `drop`, `pass`, `log`, `BOUNDS`.
std::string_view verdict_name(const Verdict& verdict);

/// One filter. Not thread safe.
class Judge {
  public:
    /// Status::refused where the filter calls functions of a host: here is none.
    static Result<Judge> make(Module module);

    /// A run with nothing remembered.
    void forget();
    Outcome run(const Probe& packet);
    Verdict verdict(const Probe& packet) { return Verdict::of(run(packet)); }
    /// The rule of a counter group that decided the last run; nothing if none was reached.
    std::optional<uint32_t> decided(uint32_t group) const;

  private:
    explicit Judge(std::shared_ptr<const Program> program) : program_(std::move(program)) {}

    std::shared_ptr<const Program> program_;
    std::shared_ptr<Counters> counters_;
    std::unique_ptr<Instance> instance_;
    bool used_ = false;
};

}  // namespace vfm::lint
