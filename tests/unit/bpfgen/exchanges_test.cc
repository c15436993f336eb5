// Which stores become a compare-and-exchange. That what the filter gives stays the same, the cases
// of the engines say (tests/engines/cases/exchange.vt).
#include <algorithm>

#include "tests/unit/bpfgen/program.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(exchanges_test)

namespace {

size_t exchanges_in(const VerifiedModule& program) {
    return static_cast<size_t>(
        std::ranges::count_if(test::generated(program).insns, [](const bpf_insn& insn) {
            return insn.code == (BPF_STX | BPF_ATOMIC | BPF_DW) && insn.imm == BPF_CMPXCHG;
        }));
}

/// Updates of a map whatever is there.
size_t plain_stores_in(const VerifiedModule& program) {
    const auto insns = test::generated(program).insns;
    size_t found = 0;
    for (size_t i = 1; i < insns.size(); ++i)
        found += insns[i].code == (BPF_JMP | BPF_CALL) &&
                 insns[i].imm == BPF_FUNC_map_update_elem && insns[i - 1].dst_reg == 4 &&
                 insns[i - 1].imm == BPF_ANY;
    return found;
}

size_t of_code(const std::string& text) { return exchanges_in(test::assembled(text)); }

size_t of_lisp(const std::string& text) {
    auto made = lisp::compile(std::make_shared<const SourceFile>("f.vfl", text));
    if (!made) BOOST_FAIL(render(made.error().diagnostics));
    const VerifiedModule program = test::verified(std::move(made->module));
    BOOST_TEST(plain_stores_in(program) == 0u);
    return exchanges_in(program);
}

const std::string kRead = "PUSH 5\nFLOW_LOAD\nPUSH 1\nADD\n";
const std::string kStore = "DUP\nPUSH 5\nSWAP\nFLOW_STORE\n";
const std::string kLook = "PUSH 5\nFLOW_LOAD\nEQ\nRET\n";

BOOST_AUTO_TEST_CASE(a_store_that_is_looked_at) {
    BOOST_TEST(of_code(kRead + kStore + kLook) == 1u);
    // Nobody asks whether it was made.
    BOOST_TEST(of_code(kRead + kStore + "RET\n") == 0u);
    BOOST_TEST(plain_stores_in(test::assembled(kRead + kStore + "RET\n")) == 1u);
    // Something else is asked of what is there then.
    BOOST_TEST(of_code(kRead + kStore + "PUSH 5\nFLOW_LOAD\nADD\nRET\n") == 0u);
    BOOST_TEST(of_code(kRead + kStore + "PUSH 5\nFLOW_LOAD\nLT\nRET\n") == 0u);
    BOOST_TEST(of_code(kRead + kStore + "PUSH 5\nFLOW_LOAD\nPOP\nRET\n") == 0u);
    // Another key.
    BOOST_TEST(of_code(kRead + kStore + "PUSH 6\nFLOW_LOAD\nEQ\nRET\n") == 0u);
    BOOST_TEST(of_code("PUSH 6\nFLOW_LOAD\nPUSH 1\nADD\n" + kStore + kLook) == 0u);
}

BOOST_AUTO_TEST_CASE(with_other_stores_between) {
    const std::string add = "PUSH 9\nPUSH 1\nFLOW_ADD 0\nPOP\n";
    BOOST_TEST(of_code(add + kRead + kStore + kLook) == 1u);
    BOOST_TEST(of_code(kRead + add + kStore + kLook) == 0u);
    BOOST_TEST(of_code(kRead + kStore + add + kLook) == 0u);
    // On one of two ways.
    const auto two_ways = [&](const std::string& one) {
        return kRead + "LEN\nPUSH 100\nJLT small\n" + one + "JMP on\nsmall:\nPUSH 7\nADD\non:\n" +
               kStore + kLook;
    };
    BOOST_TEST(of_code(two_ways("PUSH 3\nADD\n")) == 1u);
    BOOST_TEST(of_code(two_ways(add)) == 0u);
}

BOOST_AUTO_TEST_CASE(each_try_of_a_rate) {
    BOOST_TEST(of_lisp("(rate 1 100)") == 3u);
    BOOST_TEST(of_lisp("(+ (rate 1 100) (rate 2 5 :per 1ms :burst 9))") == 6u);
    // IPv4 and IPv6.
    BOOST_TEST(of_lisp("(rate ip.src 100)") == 6u);
    BOOST_TEST(of_lisp("(rate (ip.src port.dst) 100)") == 6u);
    BOOST_TEST(of_lisp("(rate conn 100)") == 6u);
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
