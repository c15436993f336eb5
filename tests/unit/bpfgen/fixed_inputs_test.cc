// Builds in which NOW and RAND come from the result map.
#include <algorithm>
#include <cstring>

#include "bpf/vfm_abi.h"
#include "core/run/random.h"
#include "tests/unit/bpfgen/machine.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(fixed_inputs_test)
namespace {

constexpr char kText[] = "RAND\nPUSH8 32\nSHL\nRAND\nADD\nNOW\nADD\nRET\n";

// What one run after the other gives that begins with what the one before has left.
std::vector<uint64_t> runs(const Options& options) {
    const Program emitted = test::generated(test::assembled(kText), options);
    ebpf::Machine machine = test::machine_of(emitted);
    const auto result = std::ranges::find(emitted.maps, MapRole::result, &Map::role);
    uint8_t* at = machine.map(static_cast<size_t>(result - emitted.maps.begin())).value(0);
    vfm_result facts{.value = 0, .error = 0, .now = 0, .random = RandomSequence().state()};
    std::vector<uint64_t> values;
    for (facts.now = 100; facts.now < 103; ++facts.now) {
        std::memcpy(at, &facts, sizeof facts);
        const Bytes packet(60);
        BOOST_TEST(machine.run({.bytes = packet, .timestamp = 7}).has_value());
        std::memcpy(&facts, at, sizeof facts);
        BOOST_TEST(facts.error == 0);
        values.push_back(facts.value);
    }
    return values;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_sequence_of_user_space_and_the_time_that_was_set) {
    for (const Hook hook : {Hook::xdp, Hook::tc}) {
        RandomSequence random;
        std::vector<uint64_t> expected;
        for (uint64_t now = 100; now < 103; ++now) {
            const uint64_t high = random.next(), low = random.next();
            expected.push_back((high << 32) + low + now);
        }
        const auto values = runs({.hook = hook, .result_map = true, .fixed_inputs = true});
        BOOST_TEST(values == expected, boost::test_tools::per_element());
    }
}

// No other build has a trace of it.
BOOST_AUTO_TEST_CASE(others_ask_the_kernel) {
    const auto calls = [](const Options& options) {
        const Program emitted = test::generated(test::assembled(kText), options);
        return std::ranges::count_if(emitted.insns, [](const bpf_insn& insn) {
            return insn.code == (BPF_JMP | BPF_CALL) &&
                   (insn.imm == BPF_FUNC_ktime_get_ns || insn.imm == BPF_FUNC_get_prandom_u32);
        });
    };
    BOOST_TEST(calls({}) == 3);
    BOOST_TEST(calls({.fixed_inputs = true}) == 3);
    BOOST_TEST(calls({.result_map = true}) == 3);
    BOOST_TEST(calls({.result_map = true, .fixed_inputs = true}) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
