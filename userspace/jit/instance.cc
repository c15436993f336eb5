// One thread's part of a native program.
#include <utility>
#include <vector>

#include "core/run/host_functions.h"
#include "core/run/set_views.h"
#include "userspace/jit/burst/burst_code.h"
#include "userspace/jit/native_program.h"

namespace vfm::jit {
namespace {

class NativeInstance final : public Instance {
  public:
    NativeInstance(std::shared_ptr<const NativeProgram> program, std::shared_ptr<FlowTables> tables,
                   std::vector<HostEntry> host, const InstanceOptions& options)
        : program_(std::move(program)),
          function_(program_->function()),
          bursts_(program_->bursts()),
          tables_(std::move(tables)),
          host_(std::move(host)),
          counters_(counters_for(program_->verified(), options)),
          sets_(program_->verified(), options) {
        state_.random = RandomSequence(options.random_seed);
        state_.tables = tables_->data();
        state_.host = host_.data();
        state_.counters = counters_->data();
        state_.counted_last = counters_->last_place();
        state_.sets = sets_.data();
    }

    std::string_view name() const override { return "jit"; }
    Outcome run(const Packet& packet) override {
        sets_.refresh();
        const ByteView bytes = packet.visible();
        state_.now = packet.timestamp;
        return function_(bytes.data(), bytes.size(), &state_);
    }
    void run_batch(std::span<const Packet> packets, std::span<Outcome> results) override {
        if (!bursts_) return Instance::run_batch(packets, results);
        sets_.refresh();
        bursts_->run(function_, state_, packets, results);
    }
    std::vector<FlowEntry> flows() const override { return tables_->entries(); }
    std::vector<std::vector<Count>> counters() const override { return counters_->values(); }
    uint64_t refused_stores() const override { return tables_->refused_stores(); }

  private:
    std::shared_ptr<const NativeProgram> program_;
    NativeFunction function_;
    const BurstCode* bursts_;
    std::shared_ptr<FlowTables> tables_;
    std::vector<HostEntry> host_;
    std::shared_ptr<Counters> counters_;
    SetViews sets_;
    RunState state_;
};

}  // namespace

Result<std::unique_ptr<Instance>> NativeProgram::make_instance_on(
    std::shared_ptr<FlowTables> tables, const InstanceOptions& options) const {
    std::vector<HostEntry> host;
    for (const HostFunction& function :
         TRY(match_host_functions(verified(), options.host_functions)))
        host.push_back({function.function, function.user});
    return std::make_unique<NativeInstance>(
        std::static_pointer_cast<const NativeProgram>(shared_from_this()), std::move(tables),
        std::move(host), options);
}

}  // namespace vfm::jit
