#include "core/module/module_file.h"

#include <boost/test/unit_test.hpp>
#include <random>

#include "core/module/declarations.h"
#include "tests/unit/module/sample.h"

BOOST_AUTO_TEST_SUITE(module_file_test)

using namespace vfm;

namespace {

/// Bytes of the magic field and then `rest`.
Bytes module_file(const std::vector<int>& rest) {
    Bytes bytes = {0x0a, 4, 'V', 'F', 'M', 1};
    for (const int byte : rest) bytes.push_back(static_cast<uint8_t>(byte));
    return bytes;
}

std::string digits(ByteView bytes) {
    std::string text;
    for (const uint8_t byte : bytes) {
        text += "0123456789abcdef"[byte >> 4];
        text += "0123456789abcdef"[byte & 15];
    }
    return text;
}

Bytes from_digits(std::string_view text) {
    Bytes bytes;
    for (size_t i = 0; i < text.size(); i += 2)
        bytes.push_back(
            static_cast<uint8_t>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
    return bytes;
}

void broken(const Bytes& bytes, uint64_t offset, std::string_view reason) {
    const auto parsed = parse_program(bytes, "f.bin");
    BOOST_REQUIRE(!parsed.has_value());
    BOOST_TEST((parsed.error().status == Status::rejected));
    const Diagnostic& d = parsed.error().diagnostics.at(0);
    BOOST_TEST(d.where == "f.bin");
    BOOST_TEST(d.offset.value_or(999) == offset, d.message);
    BOOST_TEST(d.message.find(reason) != std::string::npos, d.message);
}

/// The module's bytes after a change that makes no sense.
template <class F>
void faulty_after(F change, std::string_view reason) {
    Module module = test::sample_module();
    change(module);
    const auto parsed = parse_program(module_bytes(module), "f.bin");
    BOOST_REQUIRE(!parsed.has_value());
    const Diagnostic& d = parsed.error().diagnostics.at(0);
    BOOST_TEST(d.kind == "VERIFICATION_FAILED");
    BOOST_TEST(d.offset.value_or(9) == 0u);
    BOOST_TEST(d.message.contains(reason), d.message);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_module_there_and_back) {
    const Module module = test::sample_module();
    const Bytes bytes = module_bytes(module);
    BOOST_TEST(is_module_file(bytes));
    BOOST_TEST(hex(ByteView(bytes).first(6)) == "0a 04 56 46 4d 01");
    const auto parsed = parse_program(bytes, "f.bin");
    BOOST_REQUIRE(parsed.has_value());
    BOOST_TEST((*parsed == module));
    BOOST_TEST(module_bytes(*parsed) == bytes);
    BOOST_TEST(program_bytes(module) == bytes);
}

BOOST_AUTO_TEST_CASE(files_written_today_are_those_written_yesterday) {
    const std::string_view golden =
        "0a0456464d01120386011618b960220e0a067372632d6970100118072001221b0a152826207372632d69"
        "702034323934393637303430291880800422130a0570616972731007188080042a02020630012a1f0a05"
        "706f72747310201a1050000000000000000000000a000000002a0220082a340a05686f7374731080011a"
        "1001000000000000000000000000000000221000000000b80d012000000000000000002a02800030012a"
        "090a05656d7074791040320a0a066c6f6f6b757010033a4d0a0572756c65731203208001220d0100ffff"
        "ffffffffffffff010728023204010103033a0801000002020100004207808080500501004a0a00808080"
        "8080b7c38020520209025a010162020820424e0a05662e76666c12113b20ff0020616e797468696e670a"
        "310a001a020002220202012a020102320200013a150a06696e2e76666c120b3b20696e636c756465640a"
        "3a0b0a09656d7074792e76666c4a460a0572756c65731205662e76666c1206696e2e76666c1a03000100"
        "22030401092a0764656661756c742a10283d2070726f746f20362920706173732a003200320377656232"
        "004a120a036f6e651205662e76666c2201012a0178522e0a020000120203021a0200012202"
        "0f022a020103320203063a020001420201004a020001520200025a01006201025a5512038601161a1e0a"
        "05686f7374731080011a08020000000000000022080100000000000000222e0a020000120203021a0200"
        "0122020f022a020103320203063a020001420201004a020001520200025a01006201025a051203860116";
    BOOST_TEST(digits(module_bytes(test::sample_module())) == golden);
}

// Rows were messages, each a rule of its own; tables had one kind of key, lines one file.
BOOST_AUTO_TEST_CASE(files_of_before_are_read) {
    const std::string_view old =
        "0a0456464d01120386011618b960220e0a067372632d6970100118072001221b0a15282620737263"
        "2d6970203432393439363730343029188080042a1f0a05706f72747310201a105000000000000000"
        "0000000a000000002a0220082a320a05686f7374731080011a100100000000000000000000000000"
        "0000221000000000b80d012000000000000000002a0280002a090a05656d7074791040320a0a066c"
        "6f6f6b757010033a370a0572756c657312032080011a0d0a0b210000000a0000000038081a180a16"
        "080110012105000000000000003109000000000000001a0042260a05662e76666c12113b20ff0020"
        "616e797468696e670a310a001a020002220202022a020102";
    const auto parsed = parse_program(from_digits(old), "f.bin");
    BOOST_REQUIRE(parsed.has_value());
    Module expected;
    encode(expected.code, Opcode::PUSH8, 1);
    encode(expected.code, Opcode::RET);
    expected.fuel = 12345;
    expected.tables = {
        {.name = "src-ip", .key = {KeyKind::ipv4}, .capacity = 7, .eviction = Eviction::none},
        {.name = "(& src-ip 4294967040)"}};
    expected.sets = {{"ports", 32, false, {{0, 80, 32}, {0, 0x0a000000, 8}}},
                     {"hosts", 128, false, {{0x20010db800000000, 1, 128}, {0, 0, 0}}},
                     {"empty", 64, false, {}}};
    expected.imports = {{"lookup", 3}};
    expected.rule_tables = {{"rules",
                             {32, 128},
                             {0, 0, 0},
                             0,
                             {{1, {{RuleTest::Kind::prefix, 0, 0x0a000000, 0, 0, 8}, {}}},
                              {2, {{}, {RuleTest::Kind::range, 0, 5, 0, 9, 0}}},
                              {3, {{}, {}}}}}};
    expected.source_name = "f.vfl";
    expected.source_text = std::string("; \xff\x00 anything\n1\n", 17);
    expected.lines = {{0, {2, 1}}, {2, {2, 2}}};
    BOOST_TEST((*parsed == expected));
    const auto again = parse_program(module_bytes(*parsed), "f.bin");
    BOOST_REQUIRE(again.has_value());
    BOOST_TEST((*again == expected));
}

BOOST_AUTO_TEST_CASE(raw_programs_are_their_code) {
    const Bytes code = {0x04, 1, 0, 0, 0, 0, 0, 0, 0, 0x16};
    const auto parsed = parse_program(code, "f.bin");
    BOOST_REQUIRE(parsed.has_value());
    BOOST_TEST(parsed->code == code);
    BOOST_TEST(parsed->is_raw());
    BOOST_TEST(program_bytes(*parsed) == code);
    BOOST_TEST(parse_program(Bytes{0xff}, "f.bin").has_value());  // verify() rejects that
}

BOOST_AUTO_TEST_CASE(no_code_and_too_much) {
    for (const Bytes& bytes : {Bytes(), Bytes(65537, 0), module_file({})}) {
        const auto parsed = parse_program(bytes, "f.bin");
        BOOST_REQUIRE(!parsed.has_value());
        BOOST_TEST(parsed.error().diagnostics[0].kind == "INVALID_PROGRAM");
        BOOST_TEST(parsed.error().diagnostics[0].offset.value_or(9) == 0u);
    }
    BOOST_TEST(parse_program(Bytes(65536, 0), "f.bin").has_value());
}

BOOST_AUTO_TEST_CASE(the_first_six_bytes_decide) {
    BOOST_TEST(is_module_file(module_file({})));
    BOOST_TEST(!is_module_file(Bytes{0x0a, 4, 'V', 'F', 'M'}));
    BOOST_TEST(!is_module_file(Bytes{0x0a, 4, 'V', 'F', 'M', 2}));
}

BOOST_AUTO_TEST_CASE(wire_faults_are_located) {
    broken(module_file({0x12, 1, 0x16, 0x62, 0}), 9, "Module has no field 12");
    broken(module_file({0x12, 5, 0x16}), 6, "'code' is cut off");
    broken(module_file({0x10, 1}), 6, "'code' is of wire type 0, not 2");
    broken(module_file({0x12, 1, 0x16, 0x12, 1, 0x16}), 9, "'code' is out of order or there twice");
    broken(module_file({0x18, 1, 0x12, 1, 0x16}), 8, "'code' is out of order");
    broken(module_file({0x12, 1, 0x16, 0x18, 0xff}), 10, "'fuel' is no number");
    broken(module_file({0x12, 1, 0x16, 0x80}), 9, "cut off");
    broken(module_file({0x12, 1, 0x16, 0x22, 2, 0x10, 9}), 12, "'key' has the unknown value 9");
    broken(module_file({0x12, 1, 0x16, 0x22, 2, 0x20, 2}), 12,
           "'eviction' has the unknown value 2");
    broken(module_file({0x12, 1, 0x16, 0x22, 6, 0x18, 0xff, 0xff, 0xff, 0xff, 0x1f}), 12,
           "more than 32 bits");
    broken(module_file({0x12, 1, 0x16, 0x2a, 3, 0x1a, 1, 0}), 13, "'lo' is cut off");
}

BOOST_AUTO_TEST_CASE(there_is_one_way_to_write_a_module) {
    // The fuel 1 as a number of two bytes, a length, an empty text that is spelt out, a source
    // without anything, a capacity of 0, an empty list.
    broken(module_file({0x12, 1, 0x16, 0x18, 0x81, 0}), 10, "not in its shortest form");
    broken(module_file({0x12, 0x81, 0, 0x16}), 7, "not in its shortest form");
    broken(module_file({0x12, 1, 0x16, 0x42, 2, 0x12, 0}), 11, "'text' spells out");
    broken(module_file({0x12, 1, 0x16, 0x42, 0}), 9, "'source' spells out");
    broken(module_file({0x12, 1, 0x16, 0x22, 2, 0x18, 0}), 12, "'capacity' spells out");
    broken(module_file({0x12, 1, 0x16, 0x2a, 2, 0x1a, 0}), 11, "'lo' spells out");
    BOOST_TEST(parse_program(module_file({0x12, 1, 0x16, 0x18, 0}), "f.bin").has_value());
}

BOOST_AUTO_TEST_CASE(columns_that_say_more_than_needed) {
    const auto refused = [](const std::vector<int>& rest, const std::string& reason) {
        std::vector<int> file = {0x12, 1, 0x16};
        file.insert(file.end(), rest.begin(), rest.end());
        broken(module_file(file), 0, reason);
    };
    // Set "": width 32, member 1, length 32 of a whole key.
    refused({0x2a, 15, 0x10, 32, 0x1a, 8, 1, 0, 0, 0, 0, 0, 0, 0, 0x2a, 1, 32}, "spelt out");
    // Lines of one file with that file's number.
    refused({0x42, 12, 0x1a, 1, 0, 0x22, 1, 1, 0x2a, 1, 1, 0x32, 1, 0}, "spelt out");
    // Counters: the file of each though there is one; names though none has one; an unused file.
    refused({0x4a, 13, 0x12, 1, 'f', 0x1a, 1, 0, 0x22, 1, 1, 0x2a, 0, 0x32, 0}, "do not fit");
    refused({0x4a, 10, 0x12, 1, 'f', 0x22, 1, 1, 0x2a, 0, 0x32, 0}, "spelt out");
    refused({0x4a, 14, 0x12, 1, 'f', 0x12, 1, 'g', 0x1a, 1, 0, 0x22, 1, 1, 0x2a, 0},
            "without a counter");
}

BOOST_AUTO_TEST_CASE(expressions_speak_of_what_is_there) {
    const auto refused = [](auto change, const std::string& reason) {
        Module module = test::sample_module();
        change(module);
        broken(module_bytes(module), 0, reason);
    };
    const auto second = [](auto change) {
        return [change](Module& module) { change(module.map.expressions[1]); };
    };
    refused(second([](CodeExpression& row) { row.end = 4; }), "within each other");
    refused(second([](CodeExpression& row) { row.end = 0; }), "within each other");
    refused(second([](CodeExpression& row) { row.text.end = 12; }), "beyond its text");
    refused(second([](CodeExpression& row) { row.file = 3; }), "no file");
    refused(second([](CodeExpression& row) { row.group = 3; }), "no counter group");
    refused(second([](CodeExpression& row) { row.rule = 3; }), "no rule");
    refused(second([](CodeExpression& row) { row.test_of = 0; }), "no rule");
    refused(second([](CodeExpression& row) { row.how = static_cast<CodeExpression::How>(15); }),
            "unknown kind");
    refused(second([](CodeExpression& row) { row.shown = static_cast<CodeExpression::Shown>(7); }),
            "unknown kind");
    refused([](Module& module) { module.map.true_jumps = {1, 1}; }, "do not ascend");
    refused([](Module& module) { module.map.relays = {3}; }, "do not ascend");
    refused([](Module& module) { module.rule_tests[0].rule_table = 1; }, "no rule table");
    refused([](Module& module) { module.rule_tests[0].map.expressions[0].end = 9; },
            "tests of rules 0");
}

BOOST_AUTO_TEST_CASE(columns_that_do_not_fit_each_other) {
    const auto refused = [](const std::vector<int>& rules, const std::string& reason) {
        std::vector<int> file = {0x12, 1, 0x16, 0x3a, static_cast<int>(rules.size())};
        file.insert(file.end(), rules.begin(), rules.end());
        broken(module_file(file), 0, reason);
    };
    // One key of 32 bits, one rule, one row: a cell missing, a kind too large, a number missing,
    // one too many, a length missing.
    refused({0x12, 1, 32, 0x22, 1, 5, 0x32, 1, 1}, "cells and rows");
    refused({0x12, 1, 32, 0x22, 1, 5, 0x32, 1, 1, 0x3a, 1, 3}, "unknown kind");
    refused({0x12, 1, 32, 0x22, 1, 5, 0x32, 1, 1, 0x3a, 1, 1, 0x62, 1, 8}, "cells and numbers");
    refused({0x12, 1, 32, 0x22, 1, 5, 0x32, 1, 1, 0x3a, 1, 0, 0x42, 1, 8}, "cells and numbers");
    refused({0x12, 1, 32, 0x22, 1, 5, 0x32, 1, 1, 0x3a, 1, 1, 0x42, 1, 8}, "cells and numbers");
    refused({0x12, 1, 32, 0x1a, 0, 0x22, 1, 5}, "rows of two kinds");
}

BOOST_AUTO_TEST_CASE(declarations_that_make_no_sense) {
    faulty_after([](Module& m) { m.tables[1].capacity = 0; }, "table 1: capacity 0");
    faulty_after([](Module& m) { m.tables[0].key.assign(9, KeyKind::u64); }, "a key of 9 words");
    faulty_after([](Module& m) { m.tables.assign(65, {.name = "t"}); }, "65 tables");
    faulty_after([](Module& m) { m.sets[0].width = 31; }, "set 0: a key width of 31");
    faulty_after([](Module& m) { m.sets[0].members[0].lo = uint64_t{1} << 40; }, "32 bits");
    faulty_after([](Module& m) { m.imports[0].arity = 6; }, "import 0: 6 arguments");
    faulty_after([](Module& m) { m.rule_tables[0].key_widths[0] = 33; }, "rule table 0");
    faulty_after([](Module& m) { m.rule_tables[0].rows[3].rule = 2; }, "rule 2 comes after rule 3");
    faulty_after([](Module& m) { m.counter_groups[1].name = "rules"; }, "counter group 1");
    faulty_after([](Module& m) { std::swap(m.lines[0], m.lines[1]); }, "do not ascend");
    faulty_after([](Module& m) { m.lines[1].offset = 1000; }, "beyond the code");
    faulty_after([](Module& m) { m.lines[1].file = 3; }, "it names file 3, there are 2");
}

BOOST_AUTO_TEST_CASE(a_file_cut_off_anywhere_is_rejected) {
    const Bytes bytes = module_bytes(test::sample_module());
    size_t accepted = 0;
    for (size_t size = 6; size < bytes.size(); ++size) {
        const auto parsed = parse_program(ByteView(bytes).first(size), "f.bin");
        // Between two fields the rest is a module with less in it.
        if (parsed) ++accepted;
        if (parsed) BOOST_TEST(module_bytes(*parsed).size() == size);
    }
    BOOST_TEST(accepted < 16u);
}

BOOST_AUTO_TEST_CASE(whatever_is_accepted_is_written_the_same) {
    const Bytes good = module_bytes(test::sample_module());
    std::mt19937 random(1);
    size_t accepted = 0;
    for (int i = 0; i < 20000; ++i) {
        Bytes bytes = good;
        for (size_t changes = 1 + random() % 3; changes > 0; --changes)
            bytes[6 + random() % (bytes.size() - 6)] = static_cast<uint8_t>(random());
        const auto parsed = parse_program(bytes, "f.bin");
        if (!parsed) continue;
        ++accepted;
        BOOST_REQUIRE(module_bytes(*parsed) == bytes);
    }
    BOOST_TEST(accepted > 100u);  // changes of names, numbers and text
}

BOOST_AUTO_TEST_CASE(a_small_file_cannot_make_a_large_module) {
    // Rule table with 16 keys and as many empty rows as fit.
    Bytes rules = {0x12, 16};
    rules.insert(rules.end(), 16, 32);
    for (int i = 0; i < 300000; ++i) rules.insert(rules.end(), {0x1a, 0});
    Bytes file = module_file({0x12, 1, 0x16, 0x3a});
    for (size_t left = rules.size(); left > 0; left >>= 7)
        file.push_back(static_cast<uint8_t>((left & 127) | (left > 127 ? 128 : 0)));
    file.insert(file.end(), rules.begin(), rules.end());
    broken(file, 0, "more than 4194304 rows x keys");

    Bytes many = module_file({0x12, 1, 0x16});
    for (int i = 0; i < (1 << 20) + 1; ++i) many.insert(many.end(), {0x22, 0});
    broken(many, 9 + (uint64_t{2} << 20), "more than 1048576");
}

/// A field of bytes with its length.
Bytes field(uint8_t tag, const Bytes& body) {
    Bytes bytes = {tag};
    size_t left = body.size();
    for (; left > 127; left >>= 7) bytes.push_back(static_cast<uint8_t>((left & 127) | 128));
    bytes.push_back(static_cast<uint8_t>(left));
    bytes.insert(bytes.end(), body.begin(), body.end());
    return bytes;
}

Bytes joined(const std::vector<Bytes>& parts) {
    Bytes all;
    for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
}

Bytes copies(size_t count, const Bytes& one) {
    Bytes all;
    for (size_t i = 0; i < count; ++i) all.insert(all.end(), one.begin(), one.end());
    return all;
}

BOOST_AUTO_TEST_CASE(counters_cannot_name_one_long_file_without_end) {
    const auto with = [](size_t counters) {
        const Bytes group = joined({field(0x0a, {'r'}), field(0x12, Bytes(kMaxName, 'f')),
                                    field(0x22, Bytes(counters, 1)), copies(counters, {0x2a, 0})});
        return joined({module_file({0x12, 3, 0x80, 0x16, 0x16}), field(0x4a, group)});
    };
    const size_t most = kMaxCounterFiles / kMaxName;
    BOOST_TEST(find_declaration_fault(parse_program(with(3), "f.bin").value()).has_value() ==
               false);
    broken(with(most + 1), 0, "more than 268435456 bytes of counters' file names");
}

BOOST_AUTO_TEST_CASE(lists_of_many_tables_are_counted_together) {
    // Two tables of as many rows as one may have, each row with a test of each of 16 keys.
    const Bytes rows(kMaxRows, 1), cells(kMaxRows * 16, 0);
    std::vector<Bytes> parts = {module_file({0x12, 1, 0x16})};
    for (const uint8_t name : {'a', 'b'})
        parts.push_back(
            field(0x3a, joined({field(0x0a, {name}), field(0x12, Bytes(16, 32)), field(0x22, {1}),
                                field(0x32, rows), field(0x3a, cells)})));
    broken(joined(parts), 0, "more than 1048576 rows");
    const Bytes lines(kMaxCode + 1, 1);
    broken(
        joined({module_file({0x12, 1, 0x16}),
                field(0x42, joined({field(0x1a, lines), field(0x22, lines), field(0x2a, lines)}))}),
        0, "more than 65536 line entries");
    const Bytes texts = copies((size_t{1} << 23) + 1, {0x2a, 0});
    broken(joined({module_file({0x12, 1, 0x16}), field(0x4a, texts)}), 14 + 2 * (uint64_t{1} << 23),
           "more than 8388608 texts in lists");
}

BOOST_AUTO_TEST_CASE(a_module_is_as_large_as_it_may_be) {
    Module module;
    module.code = {0x16};
    module.rule_tables = {{.name = "r",
                           .key_widths = {32},
                           .verdicts = std::vector<uint64_t>(kMaxRules, 1),
                           .rows = {}}};
    RuleTest test{.kind = RuleTest::Kind::prefix, .lo = 0, .length = 32};
    for (uint32_t i = 0; i < kMaxRows; ++i) {
        test.lo = i;
        module.rule_tables[0].rows.push_back({std::max(i, 1u), {test}});
    }
    const Bytes bytes = module_bytes(module);
    BOOST_TEST(bytes.size() < 12u << 20);
    const auto parsed = parse_program(bytes, "f.bin");
    BOOST_REQUIRE(parsed.has_value());
    BOOST_TEST((*parsed == module));
    BOOST_TEST(check_module_size(bytes, "f").has_value());

    module.rule_tables[0].rows.push_back(module.rule_tables[0].rows.back());
    BOOST_TEST(find_declaration_fault(module)->reason.contains("1048577 rows"));
    module.rule_tables[0].rows.clear();
    module.rule_tables[0].verdicts.push_back(1);
    BOOST_TEST(find_declaration_fault(module)->reason.contains("1048576 rules"));
}

BOOST_AUTO_TEST_SUITE_END()
