#include "userspace/lint/judge.h"

#include "core/base/check.h"
#include "core/verify/verify.h"

namespace vfm::lint {

Judge::Judge(VerifiedModule program)
    : program_(std::move(program)),
      counters_(std::make_shared<Counters>(program_.module().counter_groups)) {}

Result<Judge> Judge::make(Module module) {
    auto verified = verify(std::move(module));
    VFM_CHECK(verified.has_value(), "what lisp compiles verifies");
    Judge judge(*std::move(verified));
    TRY(judge.use(std::make_shared<FlowTables>(judge.program_.tables())));
    return judge;
}

Result<> Judge::use(std::shared_ptr<FlowTables> tables) {
    tables_ = std::move(tables);
    stepper_.emplace(TRY(Stepper::make(program_, {.counters = counters_}, *tables_)));
    used_ = false;
    return {};
}

void Judge::forget() {
    if (!used_) return;
    const auto done = use(std::make_shared<FlowTables>(program_.tables()));
    VFM_CHECK(done.has_value(), "there was an instance before");
}

void Judge::share(const Judge& other) {
    if (tables_ == other.tables_) return;
    const auto done = use(other.tables_);
    VFM_CHECK(done.has_value(), "there was an instance before");
    used_ = true;
}

Outcome Judge::run(const Probe& packet, Tracer* tracer) {
    used_ = !program_.module().tables.empty();
    counters_->clear();
    stepper_->trace(tracer);
    return stepper_->run({.bytes = packet.bytes, .timestamp = packet.timestamp});
}

std::optional<uint32_t> Judge::decided(uint32_t group) const {
    const size_t count = program_.module().counter_groups[group].counters.size();
    for (uint32_t i = 0; i < count; ++i)
        if (counters_->value(group, i).packets != 0) return i;
    return std::nullopt;
}

}  // namespace vfm::lint
