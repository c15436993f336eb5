// Rule tables in which most rows have something in common with most packets, so that the first row
// that holds is far behind the first that could: for the user-space machine and for the kernel.
#pragma once

#include <fmt/core.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/harness/rng.h"
#include "tests/unit/bpfgen/program.h"

namespace vfm::test {

struct RowsCase {
    std::string name;
    VerifiedModule program;  ///< gives the verdict of the first row that holds
    std::vector<Bytes> packets;
};

/// Each of `rows` rows, of a rule each, tests all of `columns` keys, words of the packet, for one
/// of a few numbers; the verdict of a rule is what is left of its number by 1,000.
inline RowsCase rows_case(uint32_t rows, unsigned columns, Rng& rng) {
    std::string text = ".rules r keys=64", loads = "LD64 0\n";
    for (unsigned i = 1; i < columns; ++i) {
        text += ",64";
        loads += fmt::format("LD64 {}\n", 8 * i);
    }
    text += "\n" + loads + "PUSH16 0xffff\nMATCH 0\nVERDICT 0\nRET\n";
    Module module = assembled(text).module();
    uint64_t numbers = 2;
    const auto combinations = [&] {
        uint64_t all = 1;
        for (unsigned i = 0; i < columns; ++i) all *= numbers;
        return all;
    };
    while (2 * combinations() < rows) ++numbers;
    for (uint32_t row = 1; row <= rows; ++row) {
        RuleRow made{.rule = row, .tests = {}};
        for (unsigned i = 0; i < columns; ++i)
            made.tests.push_back(
                {.kind = RuleTest::Kind::prefix, .lo = rng.below(numbers) << 40, .length = 64});
        module.rule_tables[0].verdicts.push_back(row % 1000);
        module.rule_tables[0].rows.push_back(std::move(made));
    }
    std::vector<Bytes> packets;
    for (unsigned i = 0; i < 300; ++i) {
        Bytes packet(std::max<size_t>(8 * columns, 60));
        for (unsigned j = 0; j < columns; ++j)
            packet[8 * j + 2] = static_cast<uint8_t>(rng.below(numbers));
        packets.push_back(std::move(packet));
    }
    return {fmt::format("{} rows of {} keys", rows, columns), verified(std::move(module)),
            std::move(packets)};
}

/// Of every form and of as many keys as are looked up together.
inline void for_each_rows(const std::function<void(const RowsCase&)>& check) {
    Rng rng(81);
    for (const uint32_t rows : {200u, 300u, 1024u, 1100u, 3000u, 10'000u, 40'000u})
        for (const unsigned columns : {1u, 2u, 3u, 6u, 7u}) check(rows_case(rows, columns, rng));
}

}  // namespace vfm::test
