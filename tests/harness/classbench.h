// Filter lists as the ClassBench generator writes them, read as rule tables: for measuring and
// testing with lists that look like people's. They are not part of the project.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "core/module/module.h"
#include "tests/harness/rng.h"

namespace vfm::test {

/// The folder of the lists: VFM_CLASSBENCH, else beside the sources. May not be there.
inline std::filesystem::path classbench_folder(const std::string& source_dir) {
    if (const char* const folder = std::getenv("VFM_CLASSBENCH")) return folder;
    return std::filesystem::path(source_dir) / "../shared/data/classbench";
}

/// One row and one rule a line; keys are addresses, ports and protocol. What leaves a key open is
/// no test. Empty if the file cannot be read.
inline RuleTable read_classbench(const std::filesystem::path& file) {
    RuleTable table;
    table.name = file.filename().string();
    table.key_widths = {32, 32, 32, 32, 32};
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
        for (char& c : line)
            if (c == '@' || c == '.' || c == '/' || c == ':') c = ' ';
        std::istringstream words(line);
        RuleRow row;
        row.rule = static_cast<uint32_t>(table.rows.size() + 1);
        for (int address = 0; address < 2; ++address) {
            uint64_t value = 0;
            for (int i = 0; i < 4; ++i) {
                unsigned byte = 0;
                words >> byte;
                value = value << 8 | byte;
            }
            unsigned length = 0;
            words >> length;
            RuleTest test{.lo = value, .length = static_cast<uint8_t>(length)};
            if (length > 0) test.kind = RuleTest::Kind::prefix;
            row.tests.push_back(length > 0 ? test : RuleTest{});
        }
        for (int port = 0; port < 2; ++port) {
            RuleTest test{.kind = RuleTest::Kind::range};
            words >> test.lo >> test.last_lo;
            row.tests.push_back(test.lo == 0 && test.last_lo == 65535 ? RuleTest{} : test);
        }
        unsigned proto = 0, mask = 0;
        words >> std::hex >> proto >> mask;
        RuleTest test{.kind = RuleTest::Kind::range, .lo = proto, .last_lo = proto};
        row.tests.push_back(mask == 0 ? RuleTest{} : test);
        if (words) table.rows.push_back(std::move(row));
    }
    return table;
}

/// Operands of MATCH on such a table: mostly ends and points of a random row's tests.
inline std::vector<uint64_t> classbench_operands(const RuleTable& table, Rng& rng) {
    const RuleRow& row = table.rows[rng.below(table.rows.size())];
    const bool anything = rng.one_in(5);
    std::vector<uint64_t> operands;
    for (size_t key = 0; key < row.tests.size(); ++key) {
        const uint64_t random = rng.next() >> (key < 2 ? 32 : key < 4 ? 48 : 56);
        const RuleTest& test = row.tests[key];
        const uint64_t rest = test.length < 32 ? 0xffffffff >> test.length : 0;
        if (anything || test.kind == RuleTest::Kind::any)
            operands.push_back(random);
        else if (test.kind == RuleTest::Kind::prefix)
            operands.push_back((test.lo & ~rest) | (random & rest));
        else
            operands.push_back(test.lo + random % (test.last_lo - test.lo + 1));
    }
    operands.push_back(31);
    return operands;
}

}  // namespace vfm::test
