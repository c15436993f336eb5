// The verifier against the rules written down once more, as plainly as they read, on random code.
#include <boost/test/unit_test.hpp>
#include <map>
#include <random>
#include <set>

#include "tests/unit/verify/program.h"

BOOST_AUTO_TEST_SUITE(oracle_test)

using namespace vfm;

namespace {

struct Verdict {
    ErrorKind kind = ErrorKind::success;
    uint32_t offset = 0;
    bool operator==(const Verdict&) const = default;
};

using Program = std::map<uint32_t, Insn>;  // by offset

std::vector<int64_t> next_of(const Insn& insn) {
    switch (op_info(insn.op).group) {
        case Group::ret:
            return {};
        case Group::jump:
            return {insn.jump_target()};
        case Group::branch:
            return {int64_t{insn.next()}, insn.jump_target()};
        default:
            return {int64_t{insn.next()}};
    }
}

Verdict rule_1(const Bytes& code, Program& program) {
    for (uint32_t at = 0; at < code.size();) {
        const auto insn = decode(code, at);
        if (!insn) return {insn.error(), at};
        program[at] = *insn;
        at = insn->next();
    }
    for (const auto& [at, insn] : program)
        for (const int64_t next : next_of(insn))
            if (next < 0 || !program.contains(static_cast<uint32_t>(next)))
                return {ErrorKind::verification_failed, at};
    return {};
}

Verdict rule_2(const Program& program) {
    for (const auto& [at, insn] : program) {
        const ImmKind kind = op_info(insn.op).imm;
        if ((kind == ImmKind::table && insn.imm > 0) || (kind == ImmKind::header && insn.imm > 8) ||
            kind == ImmKind::set || kind == ImmKind::import || kind == ImmKind::rules ||
            kind == ImmKind::counters)
            return {ErrorKind::verification_failed, at};
    }
    return {};
}

Verdict rule_3(const Program& program, std::set<uint32_t>& reached) {
    std::set<std::pair<uint32_t, uint32_t>> seen = {{0, 0}};
    std::vector<std::pair<uint32_t, uint32_t>> open = {{0, 0}};
    std::map<uint32_t, ErrorKind> breaches;
    while (!open.empty()) {
        const auto [at, depth] = open.back();
        open.pop_back();
        reached.insert(at);
        const Insn& insn = program.at(at);
        const StackEffect effect = stack_effect(insn, {});
        if (depth < effect.needs)
            breaches[at] = ErrorKind::stack_underflow;
        else if (effect.after(depth) > 256)
            breaches.try_emplace(at, ErrorKind::stack_overflow);
        else
            for (const int64_t next : next_of(insn)) {
                const std::pair state(static_cast<uint32_t>(next), effect.after(depth));
                if (seen.insert(state).second) open.push_back(state);
            }
    }
    if (seen.size() > 65536) return {ErrorKind::verification_failed, 0};
    if (breaches.empty()) return {};
    return {breaches.begin()->second, breaches.begin()->first};
}

Verdict rule_4(const Program& program, const std::set<uint32_t>& reached) {
    std::set<uint32_t> ends;
    for (bool more = true; more;) {
        more = false;
        for (const auto& [at, insn] : program) {
            bool can = insn.op == Opcode::RET;
            for (const int64_t next : next_of(insn))
                can = can || ends.contains(static_cast<uint32_t>(next));
            if (can) more = ends.insert(at).second || more;
        }
    }
    for (const auto& [at, insn] : program)
        if (!reached.contains(at) || !ends.contains(at))
            return {ErrorKind::verification_failed, at};
    return {};
}

Verdict oracle(const Bytes& code) {
    Program program;
    std::set<uint32_t> reached;
    Verdict verdict = rule_1(code, program);
    if (verdict == Verdict{}) verdict = rule_2(program);
    if (verdict == Verdict{}) verdict = rule_3(program, reached);
    if (verdict == Verdict{}) verdict = rule_4(program, reached);
    return verdict;
}

/// Instructions on the longest path, by trying all paths; nothing if one comes back.
std::optional<uint64_t> longest(const Program& program, uint32_t at, std::set<uint32_t>& path) {
    if (!path.insert(at).second) return std::nullopt;
    uint64_t most = 0;
    for (const int64_t next : next_of(program.at(at))) {
        const auto rest = longest(program, static_cast<uint32_t>(next), path);
        if (!rest) return std::nullopt;
        most = std::max(most, *rest);
    }
    path.erase(at);
    return most + 1;
}

/// Mostly sound code: pushes are common, jumps go to instructions.
Bytes random_code(std::mt19937& random) {
    static constexpr Opcode ops[] = {Opcode::RAND, Opcode::RAND, Opcode::LEN,  Opcode::PUSH8,
                                     Opcode::DUP,  Opcode::POP,  Opcode::SWAP, Opcode::ADD,
                                     Opcode::NOT,  Opcode::PICK, Opcode::JEQ,  Opcode::JGT,
                                     Opcode::JMP,  Opcode::RET,  Opcode::HDR,  Opcode::FLOW_GET};
    std::vector<std::pair<Opcode, uint64_t>> insns;
    std::vector<int> offsets;
    int size = 0;
    const size_t count = 1 + random() % 12;
    for (size_t i = 0; i < count; ++i) {
        const Opcode op =
            i + 1 == count && random() % 4 ? Opcode::RET : ops[random() % std::size(ops)];
        const uint64_t imm = random() % 16 == 0 ? random() % 9 : 0;
        insns.push_back({op, imm});
        offsets.push_back(size);
        size += static_cast<int>(1 + imm_size(op_info(op).imm));
    }
    Bytes code;
    for (size_t i = 0; i < count; ++i) {
        auto [op, imm] = insns[i];
        if (op_info(op).imm == ImmKind::jump) {
            const size_t forward = i + 1 < count ? i + 1 + random() % (count - i - 1) : 0;
            const size_t target = random() % 4 ? forward : random() % count;
            const int wrong = random() % 32 == 0 ? 1 : 0;
            imm = static_cast<uint64_t>(int64_t{offsets[target] - offsets[i] - 3 + wrong});
        }
        encode(code, op, imm);
    }
    if (code.size() > 1 && random() % 32 == 0) code.pop_back();
    if (random() % 32 == 0) code[random() % code.size()] = static_cast<uint8_t>(random());
    return code;
}

}  // namespace

BOOST_AUTO_TEST_CASE(random_programs) {
    std::mt19937 random(20240607);
    size_t good = 0;
    std::map<ErrorKind, size_t> kinds;
    for (int i = 0; i < 30000; ++i) {
        const Bytes code = random_code(random);
        const Verdict expected = oracle(code);
        const auto result = verify(test::raw(code));
        ++kinds[expected.kind];
        if (!result) {
            const Verdict got{result.error().kind, result.error().offset};
            BOOST_REQUIRE_MESSAGE(got == expected, hex(code) << ": " << result.error().reason);
            continue;
        }
        BOOST_REQUIRE_MESSAGE(expected == Verdict{}, hex(code));
        Program program;
        rule_1(code, program);
        std::set<uint32_t> path;
        BOOST_REQUIRE_MESSAGE(result->longest_path() == longest(program, 0, path), hex(code));
        ++good;
    }
    BOOST_TEST(good > 1000u);
    for (const auto kind : {ErrorKind::invalid_opcode, ErrorKind::invalid_program,
                            ErrorKind::stack_underflow, ErrorKind::verification_failed})
        BOOST_TEST(kinds[kind] > 100u, error_name(kind));
}

BOOST_AUTO_TEST_SUITE_END()
