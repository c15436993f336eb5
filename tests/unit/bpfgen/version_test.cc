// Random programs on the user-space machine against the interpreter, with what the engine `bpf`
// leaves out: packets of which only a part is linear, both hooks, values in other registers.
#include <fmt/core.h>

#include <cstring>

#include "bpf/vfm_abi.h"
#include "bpfgen/hook.h"
#include "tests/harness/random_packet.h"
#include "tests/harness/random_program.h"
#include "tests/unit/bpfgen/machine.h"
#include "userspace/interp/interpreter.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(version_test)

namespace {

template <class T>
T value_of(const ebpf::Machine& machine, const Program& program, MapRole role) {
    T value{};
    for (size_t i = 0; i < program.maps.size(); ++i) {
        if (program.maps[i].role == role) {
            std::memcpy(&value, machine.map(i).value(0), sizeof value);
        }
    }
    return value;
}

struct Variant {
    Hook hook;
    uint64_t seed;
    bool drop_on_error;
    Frames frames = Frames::any;
    SharedCode shared = SharedCode::never;
    Care care = Care::never;
};
constexpr Variant kVariants[] = {
    {Hook::xdp, 0, false},
    {Hook::tc, 0, true},
    {Hook::xdp, 1, true},
    {Hook::tc, 7, false},
    {Hook::xdp, 0, true, Frames::linear},
    {Hook::xdp, 9, true, Frames::any, SharedCode::never, Care::always},
    {Hook::xdp, 2, true, Frames::linear, SharedCode::never, Care::always},
    {Hook::xdp, 5, false, Frames::linear, SharedCode::always},
    {Hook::tc, 3, true, Frames::any, SharedCode::always}};

// How much of a packet is linear: all, none, or some.
size_t linear_bytes(test::Rng& rng, size_t size) {
    switch (rng.below(4)) {
        case 0:
            return SIZE_MAX;
        case 1:
            return 0;
        default:
            return rng.below(size + 1);
    }
}

BOOST_AUTO_TEST_CASE(random_programs) {
    unsigned refused = 0, copying = 0;
    constexpr unsigned kPrograms = 400;
    for (unsigned index = 0; index < kPrograms; ++index) {
        test::Rng rng(20240, index);
        const VerifiedModule program =
            test::verified(test::random_program(rng, {.small_fuel = rng.one_in(4)}));
        std::vector<Bytes> packets;
        for (unsigned i = 0; i < 12; ++i) packets.push_back(test::random_packet(rng));

        for (const Variant& variant : kVariants) {
            const auto emitted = generate(program, {.hook = variant.hook,
                                                    .frames = variant.frames,
                                                    .drop_on_error = variant.drop_on_error,
                                                    .result_map = true,
                                                    .shared = variant.shared,
                                                    .care = variant.care,
                                                    .register_seed = variant.seed});
            if (!emitted) {
                BOOST_TEST((emitted.error().status == Status::refused));
                ++refused;
                continue;
            }
            copying += static_cast<unsigned>(
                std::ranges::count(emitted->maps, MapRole::packet, &Map::role));
            ebpf::Machine machine = test::machine_of(*emitted);
            auto reference = *instance_of(interpreter_program(program));
            const HookFacts& hook = hook_facts(variant.hook);
            vfm_stats expected{};
            for (const Bytes& packet : packets) {
                const Outcome outcome = reference->run({.bytes = packet});
                const size_t linear =
                    variant.frames == Frames::linear ? SIZE_MAX : linear_bytes(rng, packet.size());
                const auto verdict = machine.run({.bytes = packet, .linear = linear});
                if (!verdict)
                    BOOST_FAIL("program " << index << ": insn " << verdict.error().pc << ": "
                                          << verdict.error().reason);
                const auto result = value_of<vfm_result>(machine, *emitted, MapRole::result);
                BOOST_REQUIRE_MESSAGE(result.error == static_cast<int>(outcome.error) &&
                                          result.value == outcome.value,
                                      "program " << index << " gives " << result.value << " error "
                                                 << result.error << " instead of " << outcome.value
                                                 << " error " << static_cast<int>(outcome.error));
                const bool error = outcome.error != ErrorKind::success;
                const bool drops = error ? variant.drop_on_error : outcome.value == 0;
                BOOST_TEST(static_cast<int32_t>(*verdict) == (drops ? hook.drop : hook.pass));
                ++expected.packets;
                expected.bytes += packet.size();
                const bool log = !error && outcome.value == 2;
                ++(drops ? expected.drop : log ? expected.log : expected.pass);
                if (error) ++expected.errors[error_index(outcome.error)];
            }
            expected.refused_stores = reference->refused_stores();
            vfm_stats counted = value_of<vfm_stats>(machine, *emitted, MapRole::stats);
            counted.scratch = counted.length = 0;
            BOOST_TEST(std::memcmp(&counted, &expected, sizeof counted) == 0);
        }
    }
    BOOST_TEST(refused < kPrograms / 10);
    BOOST_TEST(copying > kPrograms);
}

BOOST_AUTO_TEST_CASE(more_values_than_registers_live_on_the_stack) {
    std::string text;
    for (unsigned i = 0; i < 50; ++i) text += "LD8 " + std::to_string(i) + "\n";
    for (unsigned i = 1; i < 50; ++i) text += "SUB\n";
    const VerifiedModule program = test::assembled(text + "RET\n");
    Bytes packet(50);
    for (size_t i = 0; i < packet.size(); ++i) packet[i] = static_cast<uint8_t>(7 * i + 3);
    const Outcome expected = (*instance_of(interpreter_program(program)))->run({.bytes = packet});
    for (const size_t linear : {size_t{50}, size_t{0}}) {
        for (uint64_t seed = 0; seed < 4; ++seed) {
            const Program emitted =
                test::generated(program, {.result_map = true, .register_seed = seed});
            ebpf::Machine machine = test::machine_of(emitted);
            BOOST_TEST(machine.run({.bytes = packet, .linear = linear}).has_value());
            BOOST_TEST(value_of<vfm_result>(machine, emitted, MapRole::result).value ==
                       expected.value);
        }
    }
}

// LEN alone, beside loads, at more places than it is cut at, and where counters want it, too.
BOOST_AUTO_TEST_CASE(a_length_beyond_16_bits_is_cut) {
    std::string many_places = "LD8 0\nPUSH8 0\nJEQ end\n";
    for (unsigned i = 0; i < 9; ++i)
        many_places += fmt::format("LD8 0\nPUSH8 {}\nJNE on{}\nLEN\nRET\non{}:\n", i + 1, i, i);
    const std::string texts[] = {"LD8 0\nLEN\nADD\nRET\n", many_places + "end:\nLEN\nRET\n",
                                 ".counters all\n.counter 1 f a\nLD8 0\nCOUNT 0\nLEN\nRET\n",
                                 "LEN\nRET\n"};
    for (const std::string& text : texts) {
        const VerifiedModule program = test::assembled(text);
        for (const Hook hook : {Hook::xdp, Hook::tc}) {
            const Program emitted = test::generated(program, {.hook = hook, .result_map = true});
            ebpf::Machine machine = test::machine_of(emitted);
            for (const size_t size : {size_t{1}, size_t{65535}, size_t{65536}, size_t{100000}}) {
                const Bytes packet(size);
                for (const size_t linear : {size, size - 1, size_t{0}}) {
                    BOOST_TEST(machine.run({.bytes = packet, .linear = linear}).has_value());
                    BOOST_TEST(value_of<vfm_result>(machine, emitted, MapRole::result).value ==
                               std::min<size_t>(size, 65535));
                }
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_load_at_the_end_of_the_visible_packet) {
    const VerifiedModule program = test::assembled("LD8 65534\nRET\n");
    const VerifiedModule beyond = test::assembled("LD16 65534\nRET\n");
    Bytes packet(70000);
    packet[65534] = 42;
    for (const size_t linear : {size_t{70000}, size_t{65535}, size_t{100}}) {
        for (const VerifiedModule* tested : {&program, &beyond}) {
            const Program emitted =
                test::generated(*tested, {.hook = Hook::tc, .result_map = true});
            ebpf::Machine machine = test::machine_of(emitted);
            BOOST_TEST(machine.run({.bytes = packet, .linear = linear}).has_value());
            const auto result = value_of<vfm_result>(machine, emitted, MapRole::result);
            BOOST_TEST(result.value == (tested == &program ? 42u : 0u));
            BOOST_TEST(result.error == (tested == &program ? 0 : -6));
        }
    }
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
