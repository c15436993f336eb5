// Logs of programs that the verifier refuses, and what is made of them. refusals/NAME.log is a log
// as Linux 6.18 wrote it, or with NAME beginning "6.1-" Linux 6.1.192 (long ones without their
// middle); NAME.txt what is expected: place, reason, meaning, values and advice, a line each. The
// programs stand in tests/kernels/refused.cc, which prints their logs.
#include <fmt/core.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "loader/verifier_log.h"

BOOST_AUTO_TEST_SUITE(refusals_test)

using namespace vfm;

namespace {

std::string contents_of(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

std::string explained(const std::string& log) {
    const VerifierComplaint c = read_verifier_log(log);
    const std::string place = c.insn ? fmt::format("instruction {}", *c.insn) : "no place";
    return fmt::format("{}\n{}\n{}\n{}\n{}\n", place, c.reason, c.meaning, c.values, c.advice);
}

}  // namespace

BOOST_AUTO_TEST_CASE(each_is_explained) {
    unsigned count = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(VFM_SOURCE_DIR "/tests/unit/loader/refusals")) {
        if (entry.path().extension() != ".log") continue;
        ++count;
        const std::filesystem::path expected =
            std::filesystem::path(entry.path()).replace_extension(".txt");
        const std::string text = explained(contents_of(entry.path()));
        BOOST_TEST(text == contents_of(expected), entry.path() << " gives:\n" << text);
    }
    BOOST_TEST(count >= 20u);
}

BOOST_AUTO_TEST_CASE(each_complaint_that_is_known_has_a_log) {
    std::string reasons;
    for (const auto& entry :
         std::filesystem::directory_iterator(VFM_SOURCE_DIR "/tests/unit/loader/refusals"))
        if (entry.path().extension() == ".log")
            reasons += read_verifier_log(contents_of(entry.path())).reason + "\n";
#define COMPLAINT(part, meaning, advice) \
    BOOST_TEST(reasons.find(part) != std::string::npos, "no log has '" part "'");
#include "loader/complaints.def"
#undef COMPLAINT
}

BOOST_AUTO_TEST_SUITE_END()
