#include "userspace/jit/engine.h"

#include <utility>
#include <vector>

#include "core/run/host_functions.h"
#include "userspace/jit/burst/batch.h"

namespace vfm {
namespace {

class JitEngine final : public Engine {
  public:
    /// Without `tables` it has its own.
    JitEngine(std::shared_ptr<const jit::NativeProgram> program, std::vector<jit::HostEntry> host,
              FlowTables* tables)
        : program_(std::move(program)),
          function_(program_->function()),
          own_(tables ? nullptr : std::make_unique<FlowTables>(program_->program().tables())),
          tables_(tables ? *tables : *own_),
          host_(std::move(host)) {
        state_.tables = tables_.data();
        state_.host = host_.data();
    }

    std::string_view name() const override { return "jit"; }
    Outcome run(const Packet& packet) override { return call(packet); }
    void run_batch(std::span<const Packet> packets, std::span<Outcome> results) override {
        program_->batch().run(function_, state_, packets, results);
    }
    std::vector<FlowEntry> flows() const override { return tables_.entries(); }
    uint64_t refused_stores() const override { return tables_.refused_stores(); }

  private:
    Outcome call(const Packet& packet) {
        const ByteView bytes = packet.visible();
        state_.now = packet.timestamp;
        return function_(bytes.data(), bytes.size(), &state_);
    }

    std::shared_ptr<const jit::NativeProgram> program_;
    jit::NativeFunction function_;
    std::unique_ptr<FlowTables> own_;
    FlowTables& tables_;
    std::vector<jit::HostEntry> host_;
    jit::RunState state_;
};

}  // namespace

Result<std::unique_ptr<Engine>> make_jit_engine(const VerifiedModule& program,
                                                const EngineOptions& options) {
    return make_jit_engine(TRY(jit::NativeProgram::compile(program)), options);
}

Result<std::unique_ptr<Engine>> make_jit_engine(std::shared_ptr<const jit::NativeProgram> program,
                                                const EngineOptions& options, FlowTables* tables) {
    std::vector<jit::HostEntry> host;
    for (const HostFunction& function :
         TRY(match_host_functions(program->program(), options.host_functions)))
        host.push_back({function.function, function.user});
    return std::make_unique<JitEngine>(std::move(program), std::move(host), tables);
}

}  // namespace vfm
