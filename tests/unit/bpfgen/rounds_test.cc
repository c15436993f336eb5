// Loops as rounds that the kernel calls for: what a program has of them, where its fuel ends, and
// that objects and listings show them.
#include <elf.h>
#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "bpfgen/frame.h"
#include "bpfgen/listing.h"
#include "bpfgen/loop_rounds.h"
#include "bpfgen/predict/predict.h"
#include "core/ebpf/constructors.h"
#include "tests/unit/bpfgen/machine.h"
#include "userspace/interp/interpreter.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(rounds_test)

namespace {

// A loop in a loop, with a count that both change and a byte of the packet.
constexpr std::string_view kNested =
    "    PUSH8 0\n    LD8 0\nouter:\n    LD8 1\ninner:\n    PUSH8 1\n    SUB\n    DUP\n"
    "    PUSH8 0\n    JNE inner\n    POP\n    PUSH8 1\n    SUB\n    DUP\n    PUSH8 0\n"
    "    JNE outer\n    ADD\n    LD8 2\n    ADD\n    RET\n";

VerifiedModule nested(uint64_t fuel) {
    return test::assembled(fmt::format(".fuel {}\n{}", fuel, kNested));
}

size_t calls_of_rounds(const Program& program) {
    return static_cast<size_t>(std::ranges::count_if(program.insns, [](const bpf_insn& insn) {
        return insn.code == (BPF_JMP | BPF_CALL) && insn.src_reg == 0 && insn.imm == BPF_FUNC_loop;
    }));
}

BOOST_AUTO_TEST_CASE(a_program_without_loops_has_no_rounds) {
    const VerifiedModule module = test::assembled("LD8 23\nPUSH8 6\nEQ\nRET\n");
    const Program program = test::generated(module, {.loops = LoopForm::bpf_loop});
    BOOST_TEST(program.subprograms.empty());
    BOOST_TEST(program.insns.size() == test::generated(module).insns.size());
}

BOOST_AUTO_TEST_CASE(loops_in_loops_are_one_function) {
    const Program program =
        test::generated(nested(1'000'000), {.frames = Frames::linear, .loops = LoopForm::bpf_loop});
    BOOST_TEST_REQUIRE(program.subprograms.size() == 1u);
    BOOST_TEST(program.subprograms[0].is_round);
    BOOST_TEST(calls_of_rounds(program) == 1u);
    const auto address = std::ranges::find_if(program.insns, ebpf::is_function_address);
    BOOST_TEST_REQUIRE((address != program.insns.end()));
    const auto at = address - program.insns.begin();
    BOOST_TEST(at + 1 + address->imm == program.subprograms[0].insn);
}

// Each amount of fuel ends the run where the interpreter ends it.
BOOST_AUTO_TEST_CASE(fuel_is_exact) {
    const Bytes packet = {3, 2, 7};
    unsigned limits = 0, ends = 0;
    for (uint64_t fuel = 1; fuel <= 80; ++fuel) {
        const VerifiedModule module = nested(fuel);
        const Outcome expected =
            (*instance_of(interpreter_program(module)))->run({.bytes = packet});
        const bool limit = expected.error == ErrorKind::limit;
        ++(limit ? limits : ends);
        for (const Frames frames : {Frames::linear, Frames::any}) {
            const Program program = test::generated(
                module, {.frames = frames, .result_map = true, .loops = LoopForm::bpf_loop});
            ebpf::Machine machine = test::machine_of(program);
            BOOST_TEST_REQUIRE(machine.run({.bytes = packet}).has_value());
            for (size_t i = 0; i < program.maps.size(); ++i) {
                if (program.maps[i].role != MapRole::result) continue;
                vfm_result result;
                std::memcpy(&result, machine.map(i).value(0), sizeof result);
                BOOST_TEST(result.value == expected.value, "fuel " << fuel);
                BOOST_TEST(result.error == static_cast<int>(expected.error), "fuel " << fuel);
            }
        }
    }
    BOOST_TEST(limits > 20u);
    BOOST_TEST(ends > 20u);
}

// A value of the scratch map has 4,096 slots, of which what is carried takes some.
BOOST_AUTO_TEST_CASE(values_have_room_in_memory_and_the_frames_are_512_bytes) {
    for (const unsigned count : {30u, 120u, 250u}) {
        std::string text = ".fuel 100000\nagain:\n";
        for (unsigned i = 0; i < count; ++i) text += fmt::format("LD16 {}\n", i);
        for (unsigned i = 1; i < count; ++i) text += i % 2 == 0 ? "ADD\n" : "MUL\n";
        text += "PUSH8 0\nJNE again\nRET 1\n";
        const Program program =
            test::generated(test::assembled(text), {.loops = LoopForm::bpf_loop});
        BOOST_TEST(predict(program).stack <= 512u);
        const auto scratch = std::ranges::find(program.maps, MapRole::scratch, &Map::role);
        BOOST_TEST_REQUIRE((scratch != program.maps.end()));
        BOOST_TEST(scratch->max_entries == 1u);
    }
}

BOOST_AUTO_TEST_CASE(listings_name_the_function) {
    const VerifiedModule module = nested(100);
    const std::string listing =
        print_listing(test::generated(module, {.loops = LoopForm::bpf_loop}));
    BOOST_TEST(listing.contains("r2 = vfm_loop_rounds_0\n"));
    BOOST_TEST(listing.contains("call loop\n"));
}

// Every round would fetch it.
BOOST_AUTO_TEST_CASE(a_round_has_of_the_frame_what_it_reads) {
    const auto fetched = [](const std::string& text) {
        const Program program = test::generated(
            test::assembled(text), {.frames = Frames::linear, .loops = LoopForm::bpf_loop});
        const auto begin = program.insns.begin() + program.subprograms.at(0).insn;
        return std::count_if(begin, program.insns.end(), [](const bpf_insn& insn) {
            return BPF_CLASS(insn.code) == BPF_LDX && insn.src_reg == 2;
        });
    };
    const std::string count = "PUSH8 1\nSUB\nDUP\nPUSH8 0\nJNE again\nRET\n";
    // The address of scratch memory, and two ends of the packet.
    BOOST_TEST(fetched("RAND\nagain:\n" + count) == 1);
    BOOST_TEST(fetched("LD8 0\nagain:\n" + count) == 3);
}

// libbpf puts the address there that the relocation names; kernel_test.cc has it read the file.
BOOST_AUTO_TEST_CASE(objects_name_the_function) {
    const Program program = test::generated(nested(100), {.loops = LoopForm::bpf_loop});
    const Bytes file = write_elf(program);
    const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
    BOOST_TEST(text.contains("vfm_loop_rounds_0"));
    Elf64_Ehdr header;
    std::memcpy(&header, file.data(), sizeof header);
    unsigned found = 0;
    for (unsigned i = 0; i < header.e_shnum; ++i) {
        Elf64_Shdr section;
        std::memcpy(&section, file.data() + header.e_shoff + i * sizeof section, sizeof section);
        if (section.sh_type != SHT_REL) continue;
        for (uint64_t at = 0; at < section.sh_size; at += sizeof(Elf64_Rel)) {
            Elf64_Rel record;
            std::memcpy(&record, file.data() + section.sh_offset + at, sizeof record);
            const size_t insn = record.r_offset / sizeof(bpf_insn);
            if (insn < program.insns.size() && ebpf::is_function_address(program.insns[insn])) {
                ++found;
                BOOST_TEST(ELF64_R_TYPE(record.r_info) == 1u);
            }
        }
    }
    BOOST_TEST(found == 1u);
}

}  // namespace

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
