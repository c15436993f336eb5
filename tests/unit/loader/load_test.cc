// How a refusal of the kernel is told; needs no kernel.
#include "loader/load.h"

#include <boost/test/unit_test.hpp>
#include <cerrno>

BOOST_AUTO_TEST_SUITE(load_test)

using namespace vfm;

namespace {

Filter sample() {
    Filter filter;
    filter.name = "web.bin";
    filter.module.source_name = "web.vfl";
    filter.module.source_text = "; two lines\n(and (= proto 6) (= dst-port 80))\n";
    filter.module.lines = {{0, {2, 6}}, {9, {2, 18}}};
    return filter;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_place_is_that_of_the_source) {
    const LoadRefusal refusal{.error = EACCES,
                              .reason = "R0 !read_ok",
                              .code_offset = 12,
                              .log = "12: (95) exit\n",
                              .blame = Blame::filter,
                              .meaning = {},
                              .advice = {},
                              .missing = {}};
    const Failure failure = load_failure(refusal, sample());
    BOOST_TEST((failure.status == Status::refused));
    const std::string text = render(failure.diagnostics);
    BOOST_TEST(text.starts_with("web.vfl:2:18: error: the kernel refuses it: R0 !read_ok\n"), text);
    BOOST_TEST(text.find("(and (= proto 6) (= dst-port 80))\n") != std::string::npos, text);
    BOOST_TEST(text.find('^') != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(without_a_place_it_is_about_the_filter) {
    const LoadRefusal refusal{.error = E2BIG,
                              .reason = "Argument list too long",
                              .code_offset = {},
                              .log = {},
                              .blame = Blame::filter,
                              .meaning = {},
                              .advice = {},
                              .missing = {}};
    const std::string text = render(load_failure(refusal, sample()).diagnostics);
    BOOST_TEST(text.starts_with("web.bin: error: the kernel refuses it: Argument list too long"),
               text);
}

BOOST_AUTO_TEST_CASE(missing_privileges_get_a_hint) {
    const LoadRefusal refusal{.error = EPERM,
                              .reason = "Operation not permitted",
                              .code_offset = {},
                              .log = {},
                              .blame = Blame::system,
                              .meaning = {},
                              .advice = {},
                              .missing = {}};
    BOOST_TEST(load_failure(refusal, sample()).diagnostics.front().hint.find("doctor") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_missing_capability_is_named) {
    const LoadRefusal refusal{.error = EACCES,
                              .reason = "R3 pointer comparison prohibited",
                              .code_offset = 12,
                              .log = "12: (1d) if r3 == r2 goto pc+1\n",
                              .blame = Blame::system,
                              .meaning = {},
                              .advice = {},
                              .missing = Capability::perfmon};
    const Diagnostic told = load_failure(refusal, sample()).diagnostics.front();
    BOOST_TEST(told.message ==
               "the kernel refuses it without CAP_PERFMON: R3 pointer comparison prohibited");
    BOOST_TEST(told.hint.find("CAP_PERFMON") != std::string::npos, told.hint);
}

BOOST_AUTO_TEST_CASE(maps_are_found_by_role_and_table) {
    LoadedProgram program;
    for (const uint32_t table : {0u, 3u}) {
        LoadedMap map;
        map.declaration.role = bpf::MapRole::flow;
        map.declaration.table = table;
        program.maps.push_back(std::move(map));
    }
    BOOST_TEST(program.find(bpf::MapRole::flow, 3)->declaration.table == 3u);
    BOOST_TEST(program.find(bpf::MapRole::flow, 1) == nullptr);
    BOOST_TEST(program.find(bpf::MapRole::stats) == nullptr);
}

// Before Linux 6.4 a log that had no room kept its beginning.
BOOST_AUTO_TEST_CASE(a_log_without_its_end_tells_no_place) {
    bpf::Program program;
    program.lines = {{.insn = 0, .code_offset = 7, .position = {}}};
    const LoadRefusal refusal = refusal_of(ENOSPC, "0: (b7) r0 = 1\n1: (b7) r0 = 2\n", program);
    BOOST_TEST(refusal.reason == "too large or too complex: the verifier's log has no end");
    BOOST_TEST(!refusal.code_offset.has_value());
    BOOST_TEST((refusal.blame == Blame::filter));
}

BOOST_AUTO_TEST_CASE(what_the_kernel_did_not_make_is_named) {
    const LoadRefusal refusal = refusal_of(-ENOMEM, {}, {}, "map flows");
    BOOST_TEST(refusal.reason == "Cannot allocate memory (map flows)");
    BOOST_TEST(refusal.error == ENOMEM);
    BOOST_TEST((refusal.blame == Blame::system));
}

BOOST_AUTO_TEST_SUITE_END()
