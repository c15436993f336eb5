#include "core/module/module_file.h"

#include <boost/test/unit_test.hpp>
#include <random>

#include "tests/unit/module/sample.h"

using namespace vfm;

namespace {

/// Bytes of the magic field and then `rest`.
Bytes module_file(std::initializer_list<int> rest) {
    Bytes bytes = {0x0a, 4, 'V', 'F', 'M', 1};
    for (const int byte : rest) bytes.push_back(static_cast<uint8_t>(byte));
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
void broken_after(F change, std::string_view reason) {
    Module module = test::sample_module();
    change(module);
    const auto parsed = parse_program(module_bytes(module), "f.bin");
    BOOST_REQUIRE(!parsed.has_value());
    const Diagnostic& d = parsed.error().diagnostics.at(0);
    BOOST_TEST(d.offset.has_value());
    BOOST_TEST(d.message.find(reason) != std::string::npos, d.message);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(file)

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
        "0a0456464d01120386011618b960220e0a067372632d6970100118072001221b0a15282620737263"
        "2d6970203432393439363730343029188080042a1f0a05706f72747310201a105000000000000000"
        "0000000a000000002a0220082a320a05686f7374731080011a100100000000000000000000000000"
        "0000221000000000b80d012000000000000000002a0280002a090a05656d7074791040320a0a066c"
        "6f6f6b757010033a370a0572756c657312032080011a0d0a0b210000000a0000000038081a180a16"
        "080110012105000000000000003109000000000000001a0042260a05662e76666c12113b20ff0020"
        "616e797468696e670a310a001a020002220202022a020102";
    std::string written;
    for (const uint8_t byte : module_bytes(test::sample_module())) {
        written += "0123456789abcdef"[byte >> 4];
        written += "0123456789abcdef"[byte & 15];
    }
    BOOST_TEST(written == golden);
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
    broken(module_file({0x12, 1, 0x16, 0x4a, 0}), 9, "Module has no field 9");
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
    // The fuel 1 as a number of two bytes, and an empty text that is spelt out.
    broken(module_file({0x12, 1, 0x16, 0x18, 0x81, 0}), 10, "not in its shortest form");
    broken(module_file({0x12, 1, 0x16, 0x42, 2, 0x12, 0}), 9, "not in its shortest form");
}

BOOST_AUTO_TEST_CASE(declarations_that_make_no_sense) {
    broken_after([](Module& m) { m.tables[1].capacity = 0; }, "table 1: capacity 0");
    broken_after([](Module& m) { m.tables.assign(65, {.name = "t"}); }, "65 tables");
    broken_after([](Module& m) { m.sets[0].width = 31; }, "set 0: a key width of 31");
    broken_after([](Module& m) { m.sets[0].members[0].lo = uint64_t{1} << 40; }, "32 bits");
    broken_after([](Module& m) { m.imports[0].arity = 6; }, "import 0: 6 arguments");
    broken_after([](Module& m) { m.rule_tables[0].key_widths[0] = 33; }, "rule table 0");
    broken_after([](Module& m) { std::swap(m.lines[0], m.lines[1]); }, "do not ascend");
    broken_after([](Module& m) { m.lines[1].offset = 1000; }, "beyond the code");
}

BOOST_AUTO_TEST_CASE(a_fault_is_located_at_its_declaration) {
    Module module;
    module.code = {0x16};
    module.tables = {{.name = "a"}, {.name = "b", .capacity = 0}};
    const Bytes bytes = module_bytes(module);
    const Bytes first_only = module_bytes({.code = {0x16},
                                           .fuel = {},
                                           .tables = {{.name = "a"}},
                                           .sets = {},
                                           .imports = {},
                                           .rule_tables = {},
                                           .counter_groups = {},
                                           .source_name = {},
                                           .source_text = {},
                                           .included = {},
                                           .lines = {}});
    broken(bytes, first_only.size(), "table 1: capacity 0");
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
    BOOST_TEST(accepted < 12u);
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
    broken(file, 9, "more than 4194304 rows x keys");

    Bytes many = module_file({0x12, 1, 0x16});
    for (int i = 0; i < (1 << 20) + 1; ++i) many.insert(many.end(), {0x22, 0});
    broken(many, 9 + (uint64_t{2} << 20), "more than 1048576");
}

BOOST_AUTO_TEST_SUITE_END()
