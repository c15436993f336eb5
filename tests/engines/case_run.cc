#include "tests/engines/case_run.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <set>
#include <utility>

#include "core/verify/verify.h"

namespace vfm::test {
namespace {

std::string text_of(const Outcome& outcome) {
    if (outcome.error != ErrorKind::success) return std::string(error_name(outcome.error));
    return std::to_string(outcome.value);
}

std::string text_of(std::vector<FlowEntry> flows) {
    std::ranges::sort(flows);
    std::string text;
    for (const FlowEntry& entry : flows) {
        char before = ':';
        text += " " + std::to_string(entry.table);
        for (const uint64_t word : entry.key.all())
            text += std::exchange(before, ',') + std::to_string(word);
        text += "=" + std::to_string(entry.value);
    }
    return text;
}

/// Runs one case in one engine; false if the engine refuses the program.
bool run_case(const Case& one, const EngineKind& kind) {
    const auto program = verify(one.module);
    BOOST_TEST_REQUIRE(program.has_value(), one.place << " does not verify");
    const auto engine = kind.make(*program);
    if (!engine) {
        BOOST_TEST(static_cast<int>(engine.error().status) == static_cast<int>(Status::refused));
        return false;
    }
    BOOST_TEST(!one.refused, one.place << " is accepted by " << kind.name);
    bool saw_all = true;
    for (size_t i = 0; i < one.packets.size(); ++i) {
        const CasePacket& packet = one.packets[i];
        const Outcome got = (*engine)->run({packet.bytes, 1'000'000'000 + i});
        saw_all = saw_all && !got.skipped;
        if (!got.skipped)
            BOOST_TEST(text_of(got) == text_of(packet.expected),
                       one.place << ": packet of line " << packet.line << " in " << kind.name
                                 << " gives " << text_of(got) << ", expected "
                                 << text_of(packet.expected));
        if (!saw_all) continue;
        if (packet.group)
            BOOST_TEST(((*engine)->counters().at(*packet.group) == packet.counts),
                       one.place << ": counters at line " << packet.line << " in " << kind.name);
        if (!packet.flow_table) continue;
        std::vector<FlowEntry> flows = (*engine)->flows();
        std::erase_if(flows, [&](const FlowEntry& e) { return e.table != *packet.flow_table; });
        BOOST_TEST(text_of(flows) == text_of(packet.flows),
                   one.place << ": flows at line " << packet.line << " in " << kind.name << " are"
                             << text_of(flows) << ", expected" << text_of(packet.flows));
    }
    return true;
}

}  // namespace

std::vector<Case> all_cases() {
    std::set<std::string> paths;  // in the same order on every machine
    for (const auto& entry : std::filesystem::directory_iterator(VFM_CASES))
        if (entry.path().extension() == ".vt") paths.insert(entry.path());
    std::vector<Case> cases;
    for (const std::string& path : paths)
        for (Case& one : read_cases(path)) cases.push_back(std::move(one));
    return cases;
}

void check_cases(const std::vector<EngineKind>& kinds, double least_share) {
    const std::vector<Case> cases = all_cases();
    BOOST_TEST(cases.size() > 100u);
    for (const EngineKind& kind : kinds) {
        if (const std::string why = kind.missing(); !why.empty()) {
            BOOST_TEST_MESSAGE("skipped: " << kind.name << ": " << why);
            continue;
        }
        size_t taken = 0;
        for (const Case& one : cases) taken += run_case(one, kind) || one.refused;
        BOOST_TEST_MESSAGE(kind.name << ": " << taken << " of " << cases.size() << " programs");
        BOOST_TEST(static_cast<double>(taken) >= least_share * static_cast<double>(cases.size()),
                   kind.name << " takes only " << taken << " of " << cases.size() << " programs");
    }
}

}  // namespace vfm::test
