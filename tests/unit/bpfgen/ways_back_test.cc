// What verifiers of old kernels want of loops.
#include <vector>

#include "core/ebpf/insn.h"
#include "tests/harness/random_program.h"
#include "tests/unit/bpfgen/program.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(ways_back_test)

namespace {

// As the kernel looks at a program at first: depth first, of a branch what stands behind it last.
// True if a way leads back to where it comes from without a jump, which Linux 6.1 takes for a loop
// that it does not take.
bool goes_back_without_jump(const Program& program) {
    enum class Mark : uint8_t { fresh, open, done };
    std::vector<Mark> marks(program.insns.size(), Mark::fresh);
    std::vector<uint32_t> pending = {0};
    bool found = false;
    while (!pending.empty()) {
        const uint32_t at = pending.back();
        if (marks[at] != Mark::fresh) {
            marks[at] = Mark::done;
            pending.pop_back();
            continue;
        }
        marks[at] = Mark::open;
        const auto insn = ebpf::decode(program.insns, at);
        BOOST_REQUIRE(insn.has_value());
        const bool branches = ebpf::jumps(insn->family);
        if (branches) {
            const auto to = static_cast<uint32_t>(static_cast<int64_t>(at) + 1 + insn->distance);
            if (marks[to] == Mark::fresh) pending.push_back(to);
        }
        if (!ebpf::goes_on(insn->family)) continue;
        const uint32_t next = at + insn->slots();
        found |= !branches && marks[next] == Mark::open;
        if (marks[next] == Mark::fresh) pending.push_back(next);
    }
    return found;
}

BOOST_AUTO_TEST_CASE(ways_back_are_jumps) {
    unsigned loops = 0;
    for (unsigned index = 0; index < 300; ++index) {
        test::Rng rng(24, index);
        const VerifiedModule module = test::verified(test::random_program(rng, {.loops = true}));
        if (module.acyclic()) continue;
        ++loops;
        for (const Frames frames : {Frames::linear, Frames::any}) {
            const auto program = generate(module, {.frames = frames});
            if (program) BOOST_TEST(!goes_back_without_jump(*program), "program " << index);
        }
    }
    BOOST_TEST(loops > 50u);
}

}  // namespace

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
