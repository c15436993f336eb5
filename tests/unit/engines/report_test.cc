// What a disagreement and the summary look like.
#include "userspace/tools/test_report.h"

#include <boost/test/unit_test.hpp>
#include <cstdlib>

namespace vfm {
BOOST_AUTO_TEST_SUITE(report_test)

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

/// A packet that lies in nothing but zeros.
PacketResult result_of(uint64_t number, size_t length, const Outcome& outcome,
                       std::optional<uint32_t> ended_at = {}) {
    static const Bytes zeros(100);
    return {.number = number,
            .packet = {.bytes = ByteView(zeros).first(length)},
            .record = {},
            .outcome = outcome,
            .skip = outcome.skipped ? Skip::kernel : Skip::none,
            .ended_at = ended_at};
}
PacketResult without_ethertype(uint64_t number, size_t length) {
    PacketResult result = result_of(number, length, Outcome::skip());
    result.skip = Skip::link;
    return result;
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
    BOOST_TEST(!text.contains("note:"));
}

BOOST_AUTO_TEST_CASE(a_disagreement_names_a_full_table) {
    const Filter filter{.module = with_source(), .name = "f.vfl", .warnings = {}};
    const Disagreement disagreement = {"interp", "kernel", Outcome::of(7), Outcome::of(8), 3, "t"};
    BOOST_TEST(render(explain(disagreement, filter, 12))
                   .contains("f.vfl: note: flow table 't' is full: engines may evict different "
                             "entries\nhint: give it room"));
}

BOOST_AUTO_TEST_CASE(a_packet_is_shown_in_hex) {
    Bytes bytes;
    for (uint8_t i = 0; i < 18; ++i) bytes.push_back(static_cast<uint8_t>(0x3c + i));
    BOOST_TEST(hex_dump(bytes) ==
               "0000  3c 3d 3e 3f 40 41 42 43 44 45 46 47 48 49 4a 4b  <=>?@ABCDEFGHIJK\n"
               "0010  4c 4d                                            LM\n");
    BOOST_TEST(hex_dump({}) == "");
    const std::string zeros = "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................\n";
    BOOST_TEST(hex_dump(Bytes(16)) == "0000  " + zeros);
    BOOST_TEST(hex_dump(Bytes(32)) == "0000  " + zeros + "0010  " + zeros);
    BOOST_TEST(hex_dump(Bytes(80)) == "0000  " + zeros + "*\n0040  " + zeros);
    Bytes other(80);
    other[50] = 'x';
    BOOST_TEST(hex_dump(other) == "0000  " + zeros +
                                      "*\n0030  00 00 78 00 00 00 00 00 00 00 00 00 00 00 00 00"
                                      "  ..x.............\n0040  " +
                                      zeros);
}

BOOST_AUTO_TEST_CASE(json_lines_have_the_documented_keys_in_order) {
    Module module = with_source();
    module.tables = {{.name = "src-\"ip\xff", .key = {KeyKind::ipv4}}};
    Tally tally;
    tally.add(result_of(1, 60, Outcome::of(5)));
    tally.add(result_of(1, 60, Outcome::trap(ErrorKind::bounds)));
    tally.add(result_of(1, 60, Outcome::skip()));
    const std::string text = printed(true, module, [&](Report& report) {
        report.packet(result_of(1, 60, Outcome::of(UINT64_MAX)));
        report.packet(result_of(2, 20, Outcome::trap(ErrorKind::division_by_zero), 0));
        report.packet(result_of(3, 5, Outcome::skip()));
        report.packet(without_ethertype(4, 6));
        report.flows({{0, 2, 1}, {0, 1, 3}});
        report.summary("interp", tally, 0, nullptr);
    });
    BOOST_TEST(text ==
               "{\"packet\":1,\"len\":60,\"value\":18446744073709551615}\n"
               "{\"packet\":2,\"len\":20,\"error\":\"DIVISION_BY_ZERO\"}\n"
               "{\"packet\":3,\"len\":5,\"skipped\":\"kernel\"}\n"
               "{\"packet\":4,\"len\":6,\"skipped\":\"link\"}\n"
               "{\"table\":\"src-\\\"ip\xef\xbf\xbd\",\"key\":1,\"value\":3}\n"
               "{\"table\":\"src-\\\"ip\xef\xbf\xbd\",\"key\":2,\"value\":1}\n"
               "{\"engine\":\"interp\",\"packets\":2,\"accept\":1,\"drop\":0,"
               "\"errors\":{\"BOUNDS\":1}}\n");
}

BOOST_AUTO_TEST_CASE(text_is_for_people) {
    Module module = with_source();
    module.tables = {{.name = "src-ip", .key = {KeyKind::ipv4}}};
    Tally tally;
    tally.add(result_of(1, 60, Outcome::of(0)));
    tally.add(result_of(1, 60, Outcome::trap(ErrorKind::limit)));
    tally.add(result_of(1, 60, Outcome::skip()));
    tally.add(without_ethertype(4, 6));
    const std::string text = printed(false, module, [&](Report& report) {
        report.packet(result_of(1, 60, Outcome::of(0)));
        report.packet(result_of(2, 20, Outcome::trap(ErrorKind::limit), 0));
        report.packet(without_ethertype(3, 6));
        report.flows({{0, 0x0a000001, 3}});
        report.summary("interp", tally, 4, nullptr);
    });
    BOOST_TEST(text ==
               "packet 1      len 60     drop    value 0\n"
               "packet 2      len 20     error   LIMIT at 2:1\n"
               "packet 3      len 6      skipped: its link header states no EtherType\n"
               "flow src-ip  10.0.0.1  3\n"
               "engine   interp\npackets  2\naccept   0\ndrop     1\nerrors   LIMIT 1\n"
               "         vfm-xdp attach lets these packets pass, with --on-error=drop it drops "
               "them\n"
               "skipped  1 whose link header states no EtherType\n"
               "skipped  1 that the kernel's test run does not take\n"
               "refused  4 stores into full flow tables\n");
}

/// The lines of a summary with times.
std::string with_statistics(bool json, const Module& module, const Statistics& statistics) {
    return printed(json, module, [&](Report& report) {
        Tally tally;
        for (int i = 0; i < 5; ++i) tally.add(result_of(1, 60, Outcome::of(1)));
        report.summary("all", tally, 0, &statistics);
    });
}

BOOST_AUTO_TEST_CASE(statistics_say_what_was_timed) {
    Statistics statistics;
    statistics.timings = {{.engine = "jit",
                           .burst = 256,
                           .median = 2.04,
                           .min = 1,
                           .max = 3,
                           .passes = 11,
                           .packets = 4},
                          {.engine = "kernel",
                           .system_calls = true,
                           .median = 900,
                           .min = 800,
                           .max = 1000,
                           .passes = 2,
                           .packets = 5},
                          {.engine = "interp"}};
    statistics.kept = 4;
    statistics.all_kept = false;
    BOOST_TEST(
        with_statistics(false, with_source(), statistics)
            .ends_with("errors   none\n"
                       "timed    the first 4 packets of 5, which is what 64 MiB hold\n"
                       "time     2.0 ns a packet in jit, bursts of 256 (least 1.0, most 3.0; "
                       "11 passes over 4 packets)\n"
                       "time     900.0 ns a packet in kernel, system calls included (least 800.0, "
                       "most 1000.0; 2 passes over 5 packets)\n"
                       "time     none in interp: there was no packet for it\n"));
    BOOST_TEST(
        with_statistics(true, with_source(), statistics)
            .ends_with("\"errors\":{},\"time_ns\":{\"jit-batch\":{\"median\":2.0,\"min\":1.0,"
                       "\"max\":3.0,\"passes\":11,\"packets\":4},\"kernel\":{\"median\":900.0,"
                       "\"min\":800.0,\"max\":1000.0,\"passes\":2,\"packets\":5,"
                       "\"system_calls\":true},\"interp\":{\"median\":null,\"min\":null,"
                       "\"max\":null,\"passes\":0,\"packets\":0}}}\n"));
}

BOOST_AUTO_TEST_CASE(source_lines_are_quoted_on_one_line_and_safely) {
    Module module = with_source();
    module.source_text = "\t\x1b[2Jproto\n\n" + std::string(200, 'x') + "\r\n";
    Statistics statistics;
    statistics.lines = {{.place = 1, .hits = 12, .instructions = 24},
                        {.place = 2, .hits = 3, .instructions = 3},
                        {.place = 3, .hits = 3, .instructions = 3}};
    statistics.all_kept = true;
    BOOST_TEST(with_statistics(false, module, statistics)
                   .ends_with("lines    counted by the interpreter, those that ran most first\n"
                              "line 1     12 hits, 24 instructions  \\x1b[2Jproto\n"
                              "line 2      3 hits,  3 instructions\n"
                              "line 3      3 hits,  3 instructions  " +
                              std::string(60, 'x') + "...\n"));
    module.source_text.clear();
    BOOST_TEST(with_statistics(false, module, statistics)
                   .contains("line 1     12 hits, 24 instructions\n"));
}

BOOST_AUTO_TEST_CASE(keys_of_several_words_are_arrays_of_words_or_as_people_write_them) {
    Module module = with_source();
    module.tables = {{.name = "a", .key = {KeyKind::ip}},
                     {.name = "b", .key = {KeyKind::ipv4, KeyKind::port, KeyKind::mac}},
                     {.name = "c", .key = {KeyKind::conn}}};
    const auto key = [](std::vector<uint64_t> words) { return FlowKey(words); };
    const std::vector<FlowEntry> entries = {
        {2, key({0, 0xffff0a000001, 80, 0x20010db800000000, 1, 1234, 6}), 7},
        {1, key({0x0a000001, 443, 0x0a0b0c0d0e0f}), 2},
        {0, key({0x20010db800000000, 1}), 9},
        {0, key({0, 0xffff0a000002}), 8}};
    const auto text = [&](bool json) {
        return printed(json, module, [&](Report& report) { report.flows(entries); });
    };
    BOOST_TEST(text(true) ==
               "{\"table\":\"a\",\"key\":[0,281470849515522],\"value\":8}\n"
               "{\"table\":\"a\",\"key\":[2306139568115548160,1],\"value\":9}\n"
               "{\"table\":\"b\",\"key\":[167772161,443,11042563100175],\"value\":2}\n"
               "{\"table\":\"c\",\"key\":[0,281470849515521,80,2306139568115548160,1,1234,6],"
               "\"value\":7}\n");
    BOOST_TEST(text(false) ==
               "flow a  10.0.0.2  8\n"
               "flow a  2001:db8::1  9\n"
               "flow b  10.0.0.1,443,0a:0b:0c:0d:0e:0f  2\n"
               "flow c  10.0.0.1,80,2001:db8::1,1234,6  7\n");
}

Module with_rules() {
    Module module = with_source();
    module.counter_groups = {
        {"rules", {{"f.vfl", 3, "", ""}, {"in\x1b.vfl", 4, "\t(= proto 6)\n pass", "web"}}},
        {"more", {{"f.vfl", 9, "x", ""}}}};
    return module;
}
const std::vector<std::vector<Count>> kCounted = {{{2, 120}, {7, 420}}, {{0, 0}}};

BOOST_AUTO_TEST_CASE(a_line_for_each_counter_of_each_group) {
    const Module module = with_rules();
    const auto text = [&](bool json) {
        return printed(json, module, [&](Report& report) { report.rules(kCounted); });
    };
    BOOST_TEST(text(true) ==
               "{\"rules\":\"rules\",\"rule\":0,\"name\":null,\"file\":\"f.vfl\",\"line\":3,"
               "\"packets\":2,\"bytes\":120}\n"
               "{\"rules\":\"rules\",\"rule\":1,\"name\":\"web\",\"file\":\"in\\u001b.vfl\","
               "\"line\":4,\"packets\":7,\"bytes\":420}\n"
               "{\"rules\":\"more\",\"rule\":0,\"name\":null,\"file\":\"f.vfl\",\"line\":9,"
               "\"packets\":0,\"bytes\":0}\n");
    BOOST_TEST(text(false) ==
               "rule rules  0  2 packets, 120 bytes  f.vfl:3\n"
               "rule rules  1 web  7 packets, 420 bytes  in\\x1b.vfl:4  (= proto 6)\\x0a pass\n"
               "rule more  0  0 packets, 0 bytes  f.vfl:9  x\n");
    BOOST_TEST(printed(false, with_source(), [&](Report& report) { report.rules({}); }) == "");
}

BOOST_AUTO_TEST_CASE(statistics_show_the_rules_that_decided_most) {
    Statistics statistics;
    statistics.rules = kCounted;
    BOOST_TEST(with_statistics(false, with_rules(), statistics)
                   .ends_with("errors   none\n"
                              "rules    those that decided most first\n"
                              "rule rules  1 web  7 packets, 420 bytes  in\\x1b.vfl:4  (= proto "
                              "6)\\x0a pass\n"
                              "rule rules  0  2 packets, 120 bytes  f.vfl:3\n"));
    BOOST_TEST(with_statistics(true, with_rules(), statistics)
                   .contains("\"errors\":{},\"rules\":[{\"rules\":\"rules\",\"rule\":0,"));
}

BOOST_AUTO_TEST_CASE(lines_of_further_files_are_named) {
    Module module = with_source();
    module.included = {{"in.vfl", "(a)\n(b)\n"}};
    Statistics statistics;
    statistics.lines = {{.file = 1, .place = 2, .hits = 12, .instructions = 24},
                        {.place = 2, .hits = 3, .instructions = 3}};
    BOOST_TEST(with_statistics(false, module, statistics)
                   .ends_with("line in.vfl:2  12 hits, 24 instructions  (b)\n"
                              "line 2      3 hits,  3 instructions  proto\n"));
    BOOST_TEST(with_statistics(true, module, statistics)
                   .contains("\"lines\":[{\"file\":\"in.vfl\",\"line\":2,\"hits\":12,"));
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm
