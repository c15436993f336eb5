// Which stores become a compare-and-exchange. That what the filter gives stays the same, the cases
// of the engines say (tests/engines/cases/exchange.vt).
#include <algorithm>

#include "bpfgen/frame.h"
#include "tests/unit/bpfgen/machine.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(exchanges_test)

namespace {

bool is_exchange(const bpf_insn& insn) {
    return insn.code == (BPF_STX | BPF_ATOMIC | BPF_DW) && insn.imm == BPF_CMPXCHG;
}

size_t exchanges_in(const VerifiedModule& program) {
    return static_cast<size_t>(std::ranges::count_if(test::generated(program).insns, is_exchange));
}

VerifiedModule compiled(const std::string& text) {
    auto made = lisp::compile(std::make_shared<const SourceFile>("f.vfl", text));
    if (!made) BOOST_FAIL(render(made.error().diagnostics));
    return test::verified(std::move(made->module));
}

/// In flow tables. What adds looks again where another CPU has made the entry meanwhile.
size_t lookups_of(const VerifiedModule& program) {
    const auto insns = test::generated(program).insns;
    const auto all = std::ranges::count_if(insns, [](const bpf_insn& insn) {
        return insn.code == (BPF_JMP | BPF_CALL) && insn.imm == BPF_FUNC_map_lookup_elem;
    });
    return static_cast<size_t>(all) - 1;  // of the statistics
}
size_t lookups_in(const std::string& text) { return lookups_of(test::assembled(text)); }
constexpr size_t kMaking = 1;

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
    const VerifiedModule program = compiled(text);
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

// The tries of a rate are one, made again.
BOOST_AUTO_TEST_CASE(each_rate) {
    // No packet bytes are loaded: there is one version of the filter.
    BOOST_TEST(of_lisp("(rate 1 100)") == 1u);
    BOOST_TEST(of_lisp("(+ (rate 1 100) (rate 2 5 :per 1ms :burst 9))") == 2u);
    // However often the filter stands there, in each once.
    for (const char* const text :
         {"(rate ip.src 100)", "(rate (ip.src port.dst) 100)", "(rate conn 100)"})
        BOOST_TEST(of_lisp(text) == lookups_of(compiled(text)), text);
}

// Only the same code is made again, and only what nobody asks for afterwards.
BOOST_AUTO_TEST_CASE(tries_that_are_alike) {
    const std::string test = "PUSH 5\nFLOW_LOAD\nJEQ done\n";
    const auto tries = [&](const std::string& first, const std::string& second,
                           const std::string& end) {
        return of_code(first + kStore + test + second + kStore + test + end);
    };
    const std::string end = "PUSH 0\nRET\ndone: PUSH 1\nRET\n";
    BOOST_TEST(tries(kRead, kRead, end) == 1u);
    const std::string other = "PUSH 5\nFLOW_LOAD\nPUSH 2\nADD\n", random = kRead + "RAND\nADD\n";
    BOOST_TEST(tries(kRead, other, end) == 2u);
    BOOST_TEST(tries(random, random, end) == 2u);
    // Of which try is what was read?
    const std::string keeps = "PUSH 5\nFLOW_LOAD\nDUP\nPUSH 1\nADD\n";
    BOOST_TEST(tries(keeps, kRead, "PUSH 7\nADD\nRET\ndone: RET\n") == 2u);
}

// Whatever the table holds when the exchange comes: three times in all, and no token is given.
BOOST_AUTO_TEST_CASE(a_rate_gives_up_after_three_tries) {
    Program program = test::generated(compiled("(rate 1 100)"));
    ebpf::Machine machine = test::machine_of(program);
    constexpr uint64_t kLater = 10'000'000'000;
    BOOST_TEST(machine.run({.bytes = {}, .timestamp = kLater}).value() == XDP_PASS);
    BOOST_TEST(machine.run({.bytes = {}, .timestamp = kLater}).value() == XDP_PASS);
    const uint64_t once = machine.steps();

    // As if another CPU always came before: what is read is another number, half of it.
    const auto exchange = std::ranges::find_if(program.insns, is_exchange);
    BOOST_REQUIRE(exchange != program.insns.end());
    const auto read = std::find_if(
        std::make_reverse_iterator(exchange), program.insns.rend(), [](const bpf_insn& insn) {
            return insn.code == (BPF_LDX | BPF_MEM | BPF_DW) && insn.src_reg == 0 && insn.off == 0;
        });
    BOOST_REQUIRE((read != program.insns.rend()));
    read->code = BPF_LDX | BPF_MEM | BPF_W;
    ebpf::Machine late = test::machine_of(program);
    BOOST_TEST(late.run({.bytes = {}, .timestamp = kLater}).value() == XDP_PASS);
    BOOST_TEST(late.run({.bytes = {}, .timestamp = kLater}).value() == XDP_DROP);
    const uint64_t tries = late.steps();
    // A try is some forty instructions.
    BOOST_TEST(tries > once + 2 * 30);
    BOOST_TEST(tries < once + 2 * 60);
}

// What is found under a key is used again where nothing was stored into the table meanwhile.
BOOST_AUTO_TEST_CASE(a_key_is_looked_up_once) {
    const std::string add = "PUSH 9\nPUSH 1\nFLOW_ADD 0\nPOP\n";
    BOOST_TEST(lookups_in(kRead + kStore + "RET\n") == 1u);
    BOOST_TEST(lookups_in(kRead + kStore + kLook) == 1u);
    BOOST_TEST(lookups_in(kRead + "PUSH 5\nPUSH 1\nFLOW_ADD 0\nADD\nRET\n") == 1u + kMaking);
    BOOST_TEST(lookups_in(kRead + add + kStore + "RET\n") == 3u + kMaking);
    // Other keys that are read matter where entries are evicted that were used long ago.
    const std::string other = "PUSH 7\nFLOW_LOAD\nADD\n", text = kRead + other + kStore + "RET\n";
    BOOST_TEST(lookups_in(text) == 3u);
    BOOST_TEST(lookups_in(".table t capacity=100 evict=none\n" + text) == 2u);
    // One entry is kept at a time.
    const std::string inner = "PUSH 6\nFLOW_LOAD\nPUSH 6\nSWAP\nFLOW_STORE\n";
    BOOST_TEST(lookups_in(inner + kRead + kStore + "RET\n") == 2u);
    BOOST_TEST(lookups_in("PUSH 6\nFLOW_LOAD\n" + kRead + kStore +
                          "PUSH 6\nSWAP\nFLOW_STORE\nPUSH 1\nRET\n") == 3u);
}

// Where it is read on one way only, the store looks for itself.
BOOST_AUTO_TEST_CASE(an_entry_that_one_way_has_found) {
    BOOST_TEST(lookups_in("LEN\nPUSH 100\nJLT small\n" + kRead + "JMP on\nsmall:\nPUSH 7\non:\n" +
                          kStore + "RET\n") == 2u);
}

// A key of several words is put into the frame once, with its numbers, as long as it stays there.
BOOST_AUTO_TEST_CASE(a_key_is_written_once) {
    const auto stores = [](const std::string& text) {
        const auto insns = test::generated(compiled(text), {.frames = Frames::linear}).insns;
        return std::ranges::count_if(insns, [](const bpf_insn& insn) {
            const unsigned of = BPF_CLASS(insn.code);
            return (of == BPF_ST || of == BPF_STX) && insn.dst_reg == kFrame &&
                   insn.off == kWideKeySlot;
        });
    };
    BOOST_TEST(stores("(rate (1 2) 100)") == 1);
    BOOST_TEST(stores("(+ (rate (1 2) 100) (rate (1 2) 200))") == 1);
    BOOST_TEST(stores("(+ (rate (1 2) 100) (rate (3 2) 200))") == 2);
}

// Then what is called in between loses nothing of it.
BOOST_AUTO_TEST_CASE(a_key_is_written_before_the_clock_is_read) {
    const auto insns =
        test::generated(compiled("(deftable t :key (port port))\n(flow-set! t (1 2) (+ (now) 5))"))
            .insns;
    const auto clock = std::ranges::find_if(insns, [](const bpf_insn& insn) {
        return insn.code == (BPF_JMP | BPF_CALL) && insn.imm == BPF_FUNC_ktime_get_ns;
    });
    const auto key = std::ranges::find_if(insns, [](const bpf_insn& insn) {
        return insn.code == (BPF_ST | BPF_MEM | BPF_DW) && insn.off == kWideKeySlot;
    });
    BOOST_TEST((key < clock));
    BOOST_TEST((clock < insns.end()));
}

// Both operands of an exchange may be in memory.
BOOST_AUTO_TEST_CASE(wherever_the_operands_are) {
    const VerifiedModule program = compiled("(+ (rate (1 2) 2) (* 10 (rate 3 100)))");
    for (uint64_t seed = 1; seed <= 40; ++seed) {
        ebpf::Machine machine =
            test::machine_of(test::generated(program, {.result_map = true, .register_seed = seed}));
        for (const uint64_t action : {XDP_PASS, XDP_PASS, XDP_PASS, XDP_PASS})
            BOOST_TEST(machine.run({.bytes = {}, .timestamp = 1'000'000}).value() == action);
    }
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
