// The log texts are those that Linux 6.1 and 6.18 write.
#include "loader/verifier_log.h"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(verifier_log_test)

using namespace vfm;

BOOST_AUTO_TEST_CASE(complaint_after_the_last_instruction) {
    const auto complaint = read_verifier_log(
        "func#0 @0\n"
        "0: R1=ctx() R10=fp0\n"
        "; (= proto 6) @ <expr>:1\n"
        "0: (61) r2 = *(u32 *)(r1 +0)          ; R1=ctx() R2_w=pkt(r=0)\n"
        "1: (71) r0 = *(u8 *)(r2 +23)\n"
        "invalid access to packet, off=23 size=1, R2(id=0,off=23,r=0)\n"
        "R2 offset is outside of the packet\n"
        "processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0\n");
    BOOST_TEST(complaint.insn.value() == 1u);
    BOOST_TEST(
        complaint.reason ==
        "invalid access to packet, off=23 size=1, R2(id=0,off=23,r=0); R2 offset is outside of "
        "the packet");
}

// Linux 6.18 wrote it so when 16 MB were full.
BOOST_AUTO_TEST_CASE(a_log_whose_beginning_is_gone_may_have_a_zero_in_its_place) {
    using namespace std::string_view_literals;
    constexpr auto kEnd = "7: (95) exit\nBPF program is too large. Processed 1000001 insn\n"sv;
    for (const auto before : {""sv, "\0"sv, "R0=1 \n"sv, "\0R0=1 \n"sv}) {
        const std::string memory =
            std::string(before) + std::string(kEnd) + '\0' + "3: left from before\n";
        const auto complaint = read_verifier_log(text_of_log(memory));
        BOOST_TEST(complaint.reason == "BPF program is too large. Processed 1000001 insn");
    }
    BOOST_TEST(text_of_log("\0\0rest"sv).empty());
    BOOST_TEST(text_of_log({}).empty());
}

BOOST_AUTO_TEST_CASE(states_and_branches_are_no_complaint) {
    const auto complaint = read_verifier_log(
        "7: (95) exit\n"
        "\n"
        "from 3 to 9: R0=1 R1=ctx() R10=fp0\n"
        "9: R0=1 R1=ctx()\n"
        "9: (85) call bpf_map_lookup_elem#1\n"
        "R1 type=ctx expected=map_ptr\n"
        "verification time 88 usec\n"
        "stack depth 16\n"
        "processed 9 insns\n");
    BOOST_TEST(complaint.insn.value() == 9u);
    BOOST_TEST(complaint.reason == "R1 type=ctx expected=map_ptr");
}

BOOST_AUTO_TEST_CASE(whole_program_complaint) {
    const auto complaint = read_verifier_log(
        "12: (b7) r0 = 1\n"
        "BPF program is too large. Processed 1000001 insn\n"
        "processed 1000001 insns (limit 1000000)\n");
    BOOST_TEST(complaint.reason == "BPF program is too large. Processed 1000001 insn");
}

BOOST_AUTO_TEST_CASE(an_earlier_complaint_is_forgotten) {
    const auto complaint = read_verifier_log("1: (b7) r0 = 1\nodd words\n2: (95) exit\n");
    BOOST_TEST(complaint.insn.value() == 2u);
    BOOST_TEST(complaint.reason == "");
}

BOOST_AUTO_TEST_CASE(nothing_known) {
    for (const char* log : {"", "\n\n", "99999999999: (95) exit", ": (", "12", "12:"}) {
        const auto complaint = read_verifier_log(log);
        BOOST_TEST(!complaint.insn.has_value(), log);
    }
}

BOOST_AUTO_TEST_CASE(control_bytes_and_length_are_tamed) {
    const auto complaint =
        read_verifier_log("0: (95) exit\n\x1b[31m" + std::string(5000, 'x') + "\nmore\n");
    BOOST_TEST(complaint.reason.find('\x1b') == std::string::npos);
    BOOST_TEST(complaint.reason.size() < 300u);
}

BOOST_AUTO_TEST_SUITE_END()
