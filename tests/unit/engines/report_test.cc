// What a disagreement and the summary look like.
#include "userspace/tools/test_report.h"

#include <boost/test/unit_test.hpp>
#include <cstdlib>

namespace vfm {
namespace {

Module with_source() {
    Module module;
    encode(module.code, Opcode::LD8, 23);
    encode(module.code, Opcode::RET);
    module.source_name = "f.vfl";
    module.source_text = "; a comment\nproto\n";
    module.lines = {{.offset = 0, .position = {.line = 2, .column = 1}}};
    return module;
}

/// What a report prints.
template <class Print>
std::string printed(bool json, const Module& module, Print&& print) {
    char* text = nullptr;
    size_t size = 0;
    std::FILE* stream = ::open_memstream(&text, &size);
    Report report(stream, json, module);
    print(report);
    std::fclose(stream);
    const std::string out(text, size);
    std::free(text);
    return out;
}

BOOST_AUTO_TEST_CASE(a_disagreement_names_packet_results_and_source_line) {
    const Filter filter{.module = with_source(), .name = "f.vfl", .warnings = {}};
    const Disagreement disagreement = {"interp", "kernel", Outcome::of(7),
                                       Outcome::trap(ErrorKind::bounds), 3};
    const std::string text = render(explain(disagreement, filter, 12));
    BOOST_TEST(
        text.starts_with("f.vfl:2:1: error: engines disagree on packet 12: interp gives "
                         "value 7, kernel gives BOUNDS\nproto\n^"));
}

BOOST_AUTO_TEST_CASE(a_packet_is_shown_in_hex) {
    Bytes bytes;
    for (uint8_t i = 0; i < 18; ++i) bytes.push_back(static_cast<uint8_t>(0x3c + i));
    BOOST_TEST(hex_dump(bytes) ==
               "0000  3c 3d 3e 3f 40 41 42 43 44 45 46 47 48 49 4a 4b  <=>?@ABCDEFGHIJK\n"
               "0010  4c 4d                                            LM\n");
    BOOST_TEST(hex_dump({}) == "");
}

BOOST_AUTO_TEST_CASE(json_lines_have_the_documented_keys_in_order) {
    Module module = with_source();
    module.tables = {{.name = "src-\"ip\xff", .key = KeyKind::ipv4}};
    Tally tally;
    tally.add(Outcome::of(5));
    tally.add(Outcome::trap(ErrorKind::bounds));
    tally.add(Outcome::skip());
    const std::string text = printed(true, module, [&](Report& report) {
        report.packet(1, 60, Outcome::of(UINT64_MAX), {});
        report.packet(2, 20, Outcome::trap(ErrorKind::division_by_zero), 0);
        report.packet(3, 5, Outcome::skip(), {});
        report.flows({{0, 2, 1}, {0, 1, 3}});
        report.summary("interp", tally, 0, {}, {});
    });
    BOOST_TEST(text ==
               "{\"packet\":1,\"len\":60,\"value\":18446744073709551615}\n"
               "{\"packet\":2,\"len\":20,\"error\":\"DIVISION_BY_ZERO\"}\n"
               "{\"packet\":3,\"len\":5,\"skipped\":\"kernel\"}\n"
               "{\"table\":\"src-\\\"ip\xef\xbf\xbd\",\"key\":1,\"value\":3}\n"
               "{\"table\":\"src-\\\"ip\xef\xbf\xbd\",\"key\":2,\"value\":1}\n"
               "{\"engine\":\"interp\",\"packets\":2,\"accept\":1,\"drop\":0,"
               "\"errors\":{\"BOUNDS\":1}}\n");
}

BOOST_AUTO_TEST_CASE(text_is_for_people) {
    Module module = with_source();
    module.tables = {{.name = "src-ip", .key = KeyKind::ipv4}};
    Tally tally;
    tally.add(Outcome::of(0));
    tally.add(Outcome::trap(ErrorKind::limit));
    tally.add(Outcome::skip());
    const std::string text = printed(false, module, [&](Report& report) {
        report.packet(1, 60, Outcome::of(0), {});
        report.packet(2, 20, Outcome::trap(ErrorKind::limit), 0);
        report.flows({{0, 0x0a000001, 3}});
        report.summary("interp", tally, 4, {}, {});
    });
    BOOST_TEST(text ==
               "packet 1      len 60     drop    value 0\n"
               "packet 2      len 20     error   LIMIT at 2:1\n"
               "flow src-ip  10.0.0.1  3\n"
               "engine   interp\npackets  2\naccept   0\ndrop     1\nerrors   LIMIT 1\n"
               "skipped  1 that the kernel's test run does not take\n"
               "refused  4 stores into full flow tables\n");
}

}  // namespace
}  // namespace vfm
