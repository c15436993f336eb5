// Programs of several files: what `include` and `defset :file` read, and where their errors are.
#include "core/lisp/files.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>

#include "core/base/io.h"
#include "tests/harness/temp_dir.h"
#include "tests/unit/lisp/lisp_text.h"

namespace vfm::lisp {
BOOST_AUTO_TEST_SUITE(files_test)

namespace {

using test::Lines;

/// A folder with the files of one program; `main.vfl` is the program.
class Folder {
  public:
    Folder& with(const std::string& name, const std::string& text) {
        dir_.write(name, text);
        return *this;
    }
    Result<Compiled> compiled() const {
        DiskFiles files;
        const std::string path = dir_ / "main.vfl";
        return compile(std::make_shared<const SourceFile>(path, *read_text(path)), &files);
    }
    /// Messages without the folder's name.
    Lines errors() const {
        const auto got = compiled();
        Lines lines = got ? Lines{} : test::lines_of(got.error().diagnostics);
        const std::string prefix = dir_ / "";
        for (std::string& line : lines)
            for (size_t at; (at = line.find(prefix)) != std::string::npos;)
                line.erase(at, prefix.size());
        return lines;
    }

  private:
    test::TempDir dir_;
};

BOOST_AUTO_TEST_CASE(definitions_of_another_file) {
    Folder folder;
    folder.with("lib.vfl", "(define web 443)\n(define (is-web p)\n  (= p web))\n")
        .with("main.vfl", "(include \"lib.vfl\")\n(include \"./lib.vfl\")\n(is-web tcp.dport)\n");
    const auto compiled = folder.compiled();
    BOOST_TEST_REQUIRE(compiled.has_value());
    const Module& module = compiled->module;
    BOOST_TEST_REQUIRE(module.included.size() == 1u);  // each file once
    BOOST_TEST(module.included[0].name.ends_with("lib.vfl"));
    const auto in_library = std::ranges::find(module.lines, 1u, &LineEntry::file);
    BOOST_TEST_REQUIRE((in_library != module.lines.end()));
    BOOST_TEST(in_library->position.line == 3u);
}

BOOST_AUTO_TEST_CASE(errors_name_their_file) {
    Folder folder;
    folder.with("main.vfl", "(include \"a.vfl\")\n(= proot 1)\n")
        .with("a.vfl", "(include \"b.vfl\")\n(define x (foo))\n5\n")
        .with("b.vfl", "(define y 1x)\n");
    BOOST_TEST(folder.errors() ==
               (Lines{"main.vfl:2:4 unknown name `proot` (did you mean `proto`?)",
                      "a.vfl:2:12 unknown operator `foo`",
                      "a.vfl:3:1 an expression in an included file, which holds definitions only",
                      "b.vfl:1:11 `1x` is not a number: expected decimal digits, `0x`, `0b` or a "
                      "dotted IPv4 address"}));
}

BOOST_AUTO_TEST_CASE(cycles_and_missing_files) {
    Folder folder;
    folder.with("main.vfl", "(include \"a.vfl\")\n1").with("a.vfl", "\n(include \"main.vfl\")");
    BOOST_TEST(folder.errors() ==
               Lines{"a.vfl:2:1 this file is being included: files include each other"});
    folder.with("main.vfl", "(include \"none.vfl\")\n(include \"/\")\n1");
    BOOST_TEST(folder.errors().size() == 2u);
    BOOST_TEST(folder.errors()[0].starts_with("main.vfl:1:10 none.vfl: "));
    BOOST_TEST(folder.errors()[1].starts_with("main.vfl:2:10 "));
    folder.with("main.vfl", "(include a.vfl)\n1");
    BOOST_TEST(folder.errors() ==
               Lines{"main.vfl:1:10 `include` needs the name of a file: `(include \"file\")`"});
}

BOOST_AUTO_TEST_CASE(a_list_without_its_end_is_one_error) {
    Folder folder;
    folder.with("main.vfl", "(include \"a.vfl\")\n1").with("a.vfl", "(define x 1)\n(");
    BOOST_TEST(folder.errors() == Lines{"a.vfl:2:1 `(` without its `)`"});
}

BOOST_AUTO_TEST_CASE(a_string_names_no_files) {
    const std::string message = "this text comes from no file, so it cannot name one";
    BOOST_TEST(test::errors_of("(include \"a\") 1") == Lines{"1:1 " + message});
    BOOST_TEST(test::errors_of("(defset s :file \"a\") 1") == Lines{"1:1 " + message});
}

// Of each range but its two ends 126 prefixes are made: the line that is one too many is named, and
// nothing is made.
BOOST_AUTO_TEST_CASE(a_set_has_an_end) {
    std::string lines;
    for (unsigned i = 0; i < 140'000; ++i)
        lines +=
            fmt::format("(range 2001:db8:{:x}:{:x}::1 2001:db8:{:x}:{:x}:ffff:ffff:ffff:fffe)\n",
                        i >> 16, i & 0xffff, i >> 16, i & 0xffff);
    Folder folder;
    folder.with("set.txt", lines).with("main.vfl", "(defset s :file \"set.txt\")\n(in ip.src @s)");
    const std::string line = fmt::format("set.txt:{}:1 ", (1u << 24) / 126 + 1);
    BOOST_TEST(folder.errors() ==
               Lines{line + "too complex: more than 16777216 set members, as prefixes, are more "
                            "than a module has"});
    // The same again is nothing more.
    const std::string some = lines.substr(0, lines.find("(range 2001:db8:0:1b58:"));
    folder.with("set.txt", test::repeat(some, 20));
    BOOST_TEST(folder.errors() == Lines{});
}

BOOST_AUTO_TEST_CASE(sets_of_files) {
    Folder folder;
    folder.with("main.vfl", "(defset s :file \"set.txt\")\n(in ip.src @s)")
        .with("set.txt",
              "# who\n10.0.0.1 ; one\r\n\n 10.0.0.0/8\n2001:db8::/32\n(range 1.0.0.0 1.0.0.9)\n"
              "10.0.0.1");
    BOOST_TEST(folder.errors() == Lines{});
    folder.with("set.txt", "10.0.0.1\n10.0.0.300\nfoo\n1 2\n(range 2 1)\n(range 1\n(10)\ntcp\n");
    BOOST_TEST(
        folder.errors() ==
        (Lines{"set.txt:2:1 `10.0.0.300` is out of range: the parts of an IPv4 address go from "
               "0 to 255",
               "set.txt:3:1 expected a number, an address or a prefix, found `foo`",
               "set.txt:4:3 expected one value a line",
               "set.txt:5:1 the first end of a `range` is not above the last",
               "set.txt:6:1 expected `(range a b)`",
               "set.txt:7:1 expected a value, a prefix or `(range a b)`",
               "set.txt:8:1 expected a number, an address or a prefix, found `tcp`"}));
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::lisp
