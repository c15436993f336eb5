#include "userspace/interp/stepped_program.h"

#include "userspace/interp/stepper.h"

namespace vfm {
namespace {

constexpr std::string_view kStepsName = "steps";

class SteppedInstance final : public Instance {
  public:
    SteppedInstance(Stepper stepper, std::shared_ptr<FlowTables> tables)
        : stepper_(std::move(stepper)), tables_(std::move(tables)) {}

    std::string_view name() const override { return kStepsName; }
    Outcome run(const Packet& packet) override { return stepper_.run(packet); }
    std::vector<FlowEntry> flows() const override { return tables_->entries(); }
    std::vector<std::vector<Count>> counters() const override {
        return stepper_.counters().values();
    }
    uint64_t refused_stores() const override { return tables_->refused_stores(); }
    std::optional<uint32_t> ended_at() const override { return stepper_.offset(); }

  private:
    Stepper stepper_;
    std::shared_ptr<FlowTables> tables_;
};

class SteppedProgram final : public UserProgram {
  public:
    explicit SteppedProgram(const VerifiedModule& program) : UserProgram(program) {}
    std::string_view name() const override { return kStepsName; }

  private:
    Result<std::unique_ptr<Instance>> make_instance_on(
        std::shared_ptr<FlowTables> tables, const InstanceOptions& options) const override {
        Stepper stepper = TRY(Stepper::make(verified(), options, *tables));
        return std::make_unique<SteppedInstance>(std::move(stepper), std::move(tables));
    }
};

}  // namespace

std::shared_ptr<const UserProgram> stepped_program(const VerifiedModule& program) {
    return std::make_shared<const SteppedProgram>(program);
}

}  // namespace vfm
