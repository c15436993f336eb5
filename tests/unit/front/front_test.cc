#include "core/front/front.h"

#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "core/module/module_file.h"
#include "tests/harness/temp_dir.h"

BOOST_AUTO_TEST_SUITE(front_test)

using namespace vfm;
using vfm::test::TempDir;

namespace {

Filter loaded(const std::string& path) {
    auto filter = load_filter(path);
    BOOST_REQUIRE_MESSAGE(filter.has_value(), (filter ? "" : render(filter.error().diagnostics)));
    return *std::move(filter);
}

std::string as_text(const Bytes& bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace

BOOST_AUTO_TEST_CASE(the_name_says_the_language) {
    const TempDir dir;
    BOOST_TEST(hex(loaded(dir.write("a.vfm", "RAND\nRET\n")).module.code) == "90 16");
    const Filter lisp = loaded(dir.write("a.vfl", "(= proto 6)\n"));
    BOOST_TEST(verify_filter(lisp).has_value());
    const Filter raw = loaded(dir.write("a.bin", "\x90\x16"));
    BOOST_TEST(hex(raw.module.code) == "90 16");
    BOOST_TEST(raw.module.source_text.empty());
    BOOST_TEST(!raw.from_module_file);
    BOOST_TEST(hex(loaded(dir.write("a", "\x90\x16")).module.code) == "90 16");
}

BOOST_AUTO_TEST_CASE(without_a_telling_name_the_first_bytes_say_it) {
    const TempDir dir;
    for (const char* text :
         {"(= proto 6)", "; a comment\n1", " \r\n\t(= proto 6)", "\xef\xbb\xbf(= proto 6)"}) {
        BOOST_TEST(!loaded(dir.write("filter.txt", text)).module.source_text.empty());
        BOOST_TEST(!loaded(dir.write("f", text)).module.source_text.empty());
        BOOST_TEST(!loaded(dir.write("F.VFL", text)).module.source_text.empty());
    }
    BOOST_TEST(hex(loaded(dir.write("A.VFM", "RAND\nRET\n")).module.code) == "90 16");
    const auto refused = [&](const char* name, std::string_view bytes) {
        const auto filter = load_filter(dir.write(name, bytes));
        BOOST_REQUIRE(!filter.has_value());
        return filter.error().diagnostics.at(0).message;
    };
    BOOST_TEST(refused("c", std::string_view("\xd4\xc3\xb2\xa1\x02\x00", 6))
                   .starts_with("this is a capture"));
    BOOST_TEST(refused("c", "\x0a\x0d\x0d\x0a").starts_with("this is a capture"));
    BOOST_TEST(refused("c", "\x1f\x8b\x08").starts_with("this is a compressed file"));
    BOOST_TEST(refused("o",
                       "\x7f"
                       "ELF\x02")
                   .starts_with("this is an ELF object"));
    BOOST_TEST(refused("f.pcapf", "tcp port 80").starts_with("this is a tcpdump expression"));
}

BOOST_AUTO_TEST_CASE(refusals_name_the_included_file) {
    const TempDir dir;
    dir.write("lib.vfl", "\n(define big (u8 tcp.dport))\n");
    const Filter filter = loaded(dir.write("f.vfl", "(include \"lib.vfl\")\n(+ 1 big)"));
    const auto in_library = std::ranges::find(filter.module.lines, 1u, &LineEntry::file);
    BOOST_REQUIRE((in_library != filter.module.lines.end()));
    BOOST_TEST(
        render(locate(filter, in_library->offset, "no")).starts_with(dir / "lib.vfl" + ":2:"));
}

BOOST_AUTO_TEST_CASE(modules_keep_what_they_declare) {
    const TempDir dir;
    Module module;
    module.code = {144, 22};
    module.fuel = 77;
    const Filter filter = loaded(dir.write("m.bin", as_text(module_bytes(module))));
    BOOST_TEST((filter.module == module));
    BOOST_TEST(filter.from_module_file);
    BOOST_TEST(filter.name == dir / "m.bin");
}

BOOST_AUTO_TEST_CASE(expressions) {
    const auto good = load_expression("(= proto 6)");
    BOOST_REQUIRE(good.has_value());
    BOOST_TEST(good->name == "<expr>");
    BOOST_TEST(good->module.source_text == "(= proto 6)");
    const auto bad = load_expression("(= protoo 6)");
    BOOST_REQUIRE(!bad.has_value());
    BOOST_TEST(render(bad.error().diagnostics).starts_with("<expr>:1:4: error: "));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_loaded) {
    const TempDir dir;
    for (const char* name : {"no.vfl", "no.vfm", "no.bin"})
        BOOST_TEST(!load_filter(dir / name).has_value());
    BOOST_TEST(!load_filter(dir.write("bad.vfm", "FOO")).has_value());
    BOOST_TEST(!load_filter(dir.write("empty.bin", "")).has_value());
    BOOST_TEST(!load_filter(dir.write("m.bin", std::string("\x0a\x04VFM\x01\xff", 7))).has_value());
}

BOOST_AUTO_TEST_CASE(raw_programs_are_located_by_offset) {
    const TempDir dir;
    const auto result = verify_filter(loaded(dir.write("f.bin", "\x90\x14\x00")));
    BOOST_REQUIRE(!result.has_value());
    const Filter filter = loaded(dir.write("f.bin", std::string("\x90\x14\x00\x00\x16", 5)));
    const auto rejected = verify_filter(filter);
    BOOST_REQUIRE(!rejected.has_value());
    const Diagnostic& d = rejected.error().diagnostics.at(0);
    BOOST_TEST(render(d) ==
               dir / "f.bin" + ":+0x1: error: STACK_UNDERFLOW: JGT needs 2 values, has 1\n");
    BOOST_TEST(d.kind == "STACK_UNDERFLOW");
    BOOST_TEST(d.mnemonic == "JGT");
}

BOOST_AUTO_TEST_CASE(assembly_is_located_in_its_text) {
    const TempDir dir;
    const Filter filter = loaded(dir.write("f.vfm", "  RAND\n  jgt 0 ; too little\n  RET\n"));
    const auto rejected = verify_filter(filter);
    BOOST_REQUIRE(!rejected.has_value());
    BOOST_TEST(render(rejected.error().diagnostics) ==
               dir / "f.vfm" +
                   ":2:3: error: STACK_UNDERFLOW: JGT needs 2 values, has 1\n"
                   "  jgt 0 ; too little\n"
                   "  ^^^\n");
    BOOST_TEST(rejected.error().diagnostics[0].offset.value_or(99) == 1u);
    // Its directives win.
    const Filter other =
        loaded(dir.write("g.vfm", ".source \"x.vfl\"\n.text \"abc\"\n.loc 1 2\nRET"));
    BOOST_TEST(render(locate(other, 0, "m")) == "x.vfl:1:2: error: m\nabc\n ^^\n");
}

BOOST_AUTO_TEST_CASE(places_that_the_text_does_not_have) {
    Filter filter{.module = {}, .name = "f.bin", .warnings = {}};
    filter.module.code = {144, 22};
    filter.module.source_text = "ab\n";
    for (const Position position : {Position{2, 1}, Position{1, 3}, Position{9, 9}}) {
        filter.module.lines = {{0, position}};
        BOOST_TEST(render(locate(filter, 1, "m")) == "f.bin:+0x1: error: m\n");
    }
    filter.module.lines = {{1, {1, 1}}};
    BOOST_TEST(render(locate(filter, 0, "m")) == "f.bin:+0x0: error: m\n");
    BOOST_TEST(render(locate(filter, 1, "m")) == "f.bin:1:1: error: m\nab\n^^\n");
}

BOOST_AUTO_TEST_CASE(fuel_of_the_command_line_wins) {
    Filter filter{.module = {}, .name = "f.bin", .warnings = {}};
    filter.module.code = {144, 22};
    filter.module.fuel = 5;
    BOOST_TEST(verify_filter(filter)->fuel() == 5u);
    BOOST_TEST(verify_filter(filter, 1)->fuel() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
