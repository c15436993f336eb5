#include "userspace/lint/judge.h"

#include "core/base/check.h"
#include "core/verify/verify.h"
#include "userspace/interp/stepped_program.h"

namespace vfm::lint {

Verdict Verdict::of(const Outcome& outcome) {
    if (outcome.error != ErrorKind::success) return {Kind::error, outcome.error};
    if (outcome.value == 0) return {};
    return {outcome.value == 2 ? Kind::log : Kind::pass};
}

std::string_view verdict_name(const Verdict& verdict) {
    switch (verdict.kind) {
        case Verdict::Kind::drop:
            return "drop";
        case Verdict::Kind::pass:
            return "pass";
        case Verdict::Kind::log:
            return "log";
        case Verdict::Kind::error:
            break;
    }
    return error_name(verdict.error);
}

Result<Judge> Judge::make(Module module) {
    const auto verified = verify(std::move(module));
    VFM_CHECK(verified.has_value(), "what lisp compiles verifies");
    Judge judge(stepped_program(*verified));
    judge.counters_ =
        std::make_shared<Counters>(judge.program_->verified().module().counter_groups);
    TRY(judge.use(std::make_shared<FlowTables>(judge.program_->verified().tables())));
    return judge;
}

Result<> Judge::use(std::shared_ptr<FlowTables> tables) {
    tables_ = std::move(tables);
    instance_ = TRY(program_->instantiate_on(tables_, {.counters = counters_}));
    used_ = false;
    return {};
}

void Judge::forget() {
    if (!used_) return;
    const auto done = use(std::make_shared<FlowTables>(program_->verified().tables()));
    VFM_CHECK(done.has_value(), "there was an instance before");
}

void Judge::share(const Judge& other) {
    if (tables_ == other.tables_) return;
    const auto done = use(other.tables_);
    VFM_CHECK(done.has_value(), "there was an instance before");
    used_ = true;
}

Outcome Judge::run(const Probe& packet) {
    used_ = !program_->verified().module().tables.empty();
    counters_->clear();
    return instance_->run({.bytes = packet.bytes, .timestamp = packet.timestamp});
}

std::optional<uint32_t> Judge::decided(uint32_t group) const {
    const size_t count = program_->verified().module().counter_groups[group].counters.size();
    for (uint32_t i = 0; i < count; ++i)
        if (counters_->value(group, i).packets != 0) return i;
    return std::nullopt;
}

}  // namespace vfm::lint
