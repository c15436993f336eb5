// The hand-written cases in every engine; every opcode has one.
#include <boost/test/unit_test.hpp>
#include <set>

#include "tests/engines/case_run.h"
#include "tests/engines/table.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(cases_test)

BOOST_AUTO_TEST_CASE(cases) { check_cases(test_engines(), 0.9); }

// An opcode without a case is one that nobody has thought about.
BOOST_AUTO_TEST_CASE(every_opcode_has_a_case) {
    std::set<Opcode> seen;
    for (const Case& one : all_cases()) {
        const Bytes& code = one.module.code;
        for (uint32_t at = 0; at < code.size();) {
            const auto insn = decode(code, at);
            if (!insn) break;
            seen.insert(insn->op);
            at = insn->next();
        }
    }
    for (const OpInfo& info : all_ops())
        BOOST_TEST(seen.contains(info.op), "no case has " << info.name);
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
