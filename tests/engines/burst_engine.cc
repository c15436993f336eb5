#include "tests/engines/burst_engine.h"

#include <algorithm>
#include <vector>

#include "tests/engines/made_program.h"
#include "tests/harness/rng.h"
#include "userspace/jit/native_program.h"

namespace vfm::test {
namespace {

// Shorter than a group, some groups, and more.
constexpr size_t kLongest = 80;
// So few packets make no group: each of them then gets neighbours.
constexpr size_t kFew = 16;

bool stateless(const VerifiedModule& program) {
    return std::ranges::none_of(program.insns(), [](const Insn& insn) {
        const Group group = op_info(insn.op).group;
        return group == Group::flow || group == Group::call || group == Group::count ||
               insn.op == Opcode::RAND;
    });
}

class BurstEngine final : public Instance {
  public:
    BurstEngine(std::unique_ptr<Instance> engine, bool stateless, uint64_t seed)
        : engine_(std::move(engine)), stateless_(stateless), rng_(seed) {}

    std::string_view name() const override { return kBurstEngine; }
    Outcome run(const Packet& packet) override {
        const size_t length = stateless_ ? 1 + rng_.below(kLongest) : 1;
        const size_t place = rng_.below(length);
        std::vector<Packet> packets(length, packet);
        // Neighbours are shorter, so that groups are mixed.
        for (size_t i = 0; i < length; ++i)
            if (i != place && rng_.one_in(4))
                packets[i].bytes = packet.bytes.first(rng_.below(packet.bytes.size() + 1));
        std::vector<Outcome> results(length, Outcome::skip());
        engine_->run_batch(packets, results);
        return results[place];
    }
    void run_batch(std::span<const Packet> packets, std::span<Outcome> results) override {
        if (stateless_ && packets.size() < kFew) {
            for (size_t i = 0; i < packets.size(); ++i) results[i] = run(packets[i]);
            return;
        }
        for (size_t done = 0; done < packets.size();) {
            const size_t length = std::min(1 + rng_.below(kLongest), packets.size() - done);
            engine_->run_batch(packets.subspan(done, length), results.subspan(done, length));
            done += length;
        }
    }
    std::vector<FlowEntry> flows() const override { return engine_->flows(); }
    std::vector<std::vector<Count>> counters() const override { return engine_->counters(); }
    uint64_t refused_stores() const override { return engine_->refused_stores(); }

  private:
    std::unique_ptr<Instance> engine_;
    bool stateless_;
    Rng rng_;
};

}  // namespace

Result<std::shared_ptr<const Program>> burst_program(const VerifiedModule& program,
                                                     jit::BurstVariant variant) {
    const jit::CompileOptions compile{.bursts = variant};
    const auto native = TRY(jit::NativeProgram::compile(program, compile));
    return MadeProgram::of(
        program, std::string(kBurstEngine),
        [native](const InstanceOptions& options) -> Result<std::unique_ptr<Instance>> {
            const VerifiedModule& verified = native->verified();
            return std::make_unique<BurstEngine>(TRY(native->instantiate(options)),
                                                 stateless(verified),
                                                 verified.module().code.size());
        });
}

}  // namespace vfm::test
