// How many instructions the twins and our programs execute, on the packets of the cookbook. Needs
// no kernel: the machine in user space runs both, and both decide as the reference does.
#include <fmt/core.h>

#include <algorithm>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "bpfgen/object.h"
#include "core/base/io.h"
#include "core/front/front.h"
#include "core/run/verdict.h"
#include "tests/harness/object_program.h"
#include "tests/twins/blocked_list.h"
#include "tests/twins/kernel_twin.h"
#include "tests/twins/twin_packets.h"
#include "tests/twins/value_of.h"
#include "userspace/interp/interpreter.h"

namespace vfm::twins {
BOOST_AUTO_TEST_SUITE(executed_test)

namespace {

namespace data = boost::unit_test::data;

class Counted {
  public:
    explicit Counted(const test::ObjectProgram& program) : machine_(loaded(program)) {}

    bool passes(const Probe& packet) {
        const auto action = machine_.run({.bytes = packet.bytes, .timestamp = packet.timestamp});
        if (!action)
            BOOST_FAIL(fmt::format("insn {}: {}", action.error().pc, action.error().reason));
        executed_.push_back(machine_.steps());
        return *action == XDP_PASS;
    }
    /// Mean of the packets, the most of one.
    std::string summary() const {
        uint64_t sum = 0;
        for (const uint64_t one : executed_) sum += one;
        return fmt::format("{:.1f} ({})",
                           static_cast<double>(sum) / static_cast<double>(executed_.size()),
                           *std::ranges::max_element(executed_));
    }
    uint64_t least() const { return *std::ranges::min_element(executed_); }

  private:
    static ebpf::Machine loaded(const test::ObjectProgram& program) {
        auto machine = ebpf::Machine::load(program.image());
        if (!machine)
            BOOST_FAIL(fmt::format("insn {}: {}", machine.error().pc, machine.error().reason));
        return *std::move(machine);
    }

    ebpf::Machine machine_;
    std::vector<uint64_t> executed_;
};

test::ObjectProgram twin_program(const Twin& twin) {
    const std::string path = fmt::format("{}/{}.bpf.o", VFM_TWINS, twin.filter);
    const Bytes file = value_of(read_file(path));
    auto program = value_of(test::read_object(file, path));
    if (!program.data.empty()) {
        const twin_blocked blocked = value_of(read_blocked(VFM_COOKBOOK "/geo-block.txt"));
        const auto* bytes = reinterpret_cast<const uint8_t*>(&blocked);
        program.data.assign(bytes, bytes + sizeof blocked);
    }
    return program;
}

}  // namespace

BOOST_DATA_TEST_CASE(what_both_execute, data::make(all_twins()), twin) {
    const auto filter = value_of(load_filter(fmt::format("{}/{}.vfl", VFM_COOKBOOK, twin.filter)));
    const auto verified = value_of(verify_filter(filter));
    const auto reference = value_of(instance_of(interpreter_program(verified)));
    const Bytes object =
        bpf::write_elf(value_of(bpf::generate(verified, {.frames = bpf::Frames::linear})));
    Counted ours(value_of(test::read_object(object, "ours")));
    Counted theirs(twin_program(twin));
    for (const Probe& packet :
         value_of(captured(fmt::format("{}/{}.pcap", VFM_CAPTURES, twin.filter)))) {
        const bool expected =
            Verdict::of(reference->run({.bytes = packet.bytes, .timestamp = packet.timestamp}))
                .lets_in();
        BOOST_TEST(ours.passes(packet) == expected);
        BOOST_TEST(theirs.passes(packet) == expected);
    }
    BOOST_TEST(ours.least() > 10U);
    BOOST_TEST(theirs.least() > 10U);
    BOOST_TEST_MESSAGE(fmt::format("{} {}: executed a packet, at most: twin {}, ours {}", twin.name,
                                   twin.filter, theirs.summary(), ours.summary()));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace vfm::twins
