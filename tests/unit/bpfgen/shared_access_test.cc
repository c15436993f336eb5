// Accesses to tables as subprograms: when, how large, and that objects and listings show them.
// That they do what accesses in line do, version_test.cc and the engines' suites say.
#include <fmt/core.h>

#include <algorithm>

#include "bpfgen/listing.h"
#include "core/ebpf/constructors.h"
#include "tests/unit/bpfgen/machine.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(shared_access_test)

namespace {

VerifiedModule compiled(const std::string& text) {
    auto made = lisp::compile(std::make_shared<const SourceFile>("f.vfl", text));
    if (!made) BOOST_FAIL(render(made.error().diagnostics));
    return test::verified(std::move(made->module));
}

VerifiedModule counts(unsigned number, const std::string& key = "dst-ip") {
    std::string text = "(and";
    for (unsigned i = 0; i < number; ++i)
        text += fmt::format("\n (or (!= src-ip 10.0.{}.{}) (< (count-by {}) {}))", i >> 8, i & 255,
                            key, 1000 + i);
    return compiled(text + ")");
}

size_t calls_in(const Program& program) {
    return static_cast<size_t>(std::ranges::count_if(program.insns, ebpf::is_local_call));
}

BOOST_AUTO_TEST_CASE(many_accesses_are_called_and_few_are_not) {
    BOOST_TEST(test::generated(counts(32)).subprograms.empty());
    const Program many = test::generated(counts(40));
    BOOST_TEST(many.subprograms.size() == 1u);
    BOOST_TEST(calls_in(many) == 40u);
    const Program never = test::generated(counts(40), {.shared = SharedCode::never});
    BOOST_TEST(calls_in(never) == 0u);
    BOOST_TEST(many.insns.size() * 2 < never.insns.size());
    BOOST_TEST(calls_in(test::generated(counts(1), {.shared = SharedCode::always})) == 1u);
}

BOOST_AUTO_TEST_CASE(each_table_and_kind_of_access_has_its_own) {
    const Program program =
        test::generated(compiled("(and (< (count-by src-ip) 5) (< (count-by (src-ip dst-ip)) 5))"),
                        {.shared = SharedCode::always});
    BOOST_REQUIRE(program.subprograms.size() == 2u);
    BOOST_TEST(program.subprograms[0].parameters == 2u);
    BOOST_TEST(program.subprograms[1].parameters == 3u);
    BOOST_TEST(program_end(program) == program.subprograms[0].insn);
}

// Five arguments are all that a call has.
BOOST_AUTO_TEST_CASE(a_wide_key_stays_in_line) {
    const Program program =
        test::generated(compiled("(< (count-by (src-ip dst-ip src-port dst-port proto)) 5)"),
                        {.shared = SharedCode::always});
    BOOST_TEST(program.subprograms.empty());
}

BOOST_AUTO_TEST_CASE(a_listing_names_them) {
    const Program program =
        test::generated(compiled("(< (count-by src-ip) 5)"), {.shared = SharedCode::always});
    const std::string text = print_listing(program);
    BOOST_TEST(text.find("\nvfm_shared_add_src_ip:\n") != std::string::npos);
    BOOST_TEST(text.find(": call vfm_shared_add_src_ip\n") != std::string::npos);
}

}  // namespace

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
