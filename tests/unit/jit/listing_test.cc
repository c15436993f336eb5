// Machine code as text beside its source.
#include "userspace/jit/listing.h"

#include <boost/test/unit_test.hpp>

#include "core/asm/assembler.h"
#include "core/lisp/compile.h"

namespace vfm {
namespace {

std::string listed(Module module) {
    auto program = verify(std::move(module));
    BOOST_TEST_REQUIRE(program.has_value());
    const auto native = jit::NativeProgram::compile(*program, {.lines = true});
    BOOST_TEST_REQUIRE(native.has_value());
    return *jit::listing(**native);
}

std::shared_ptr<const SourceFile> source(const char* text) {
    return std::make_shared<const SourceFile>("f", text);
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_source_line_stands_above_its_code) {
    if (!jit::NativeProgram::missing().empty()) return;
    const std::string text =
        listed(lisp::compile(source("(and (= proto 6)\n     (< (count-by src-ip) 100))"))->module);
    const size_t first = text.find("; 1: (and (= proto 6)\n");
    const size_t second = text.find("; 2:      (< (count-by src-ip) 100))\n");
    const size_t call = text.find("call");
    BOOST_TEST(first != std::string::npos);
    BOOST_TEST(second != std::string::npos);
    BOOST_TEST(first < second);
    BOOST_TEST(second < call);
    BOOST_TEST(text.contains("[rdi + 0x17], 6\n"));
    BOOST_TEST(text.contains(" ret\n"));
}

BOOST_AUTO_TEST_CASE(without_source_the_bytecode_stands_there) {
    if (!jit::NativeProgram::missing().empty()) return;
    Module module = assemble(source("LD8 23\nPUSH 6\nEQ\nRET"))->module;
    module.source_text.clear();
    module.lines.clear();
    const std::string text = listed(std::move(module));
    BOOST_TEST(text.contains("; +0xc EQ\n"));
    BOOST_TEST(!text.contains("; 1:"));
}

BOOST_AUTO_TEST_CASE(constants_are_counted_and_not_taken_for_code) {
    if (!jit::NativeProgram::missing().empty()) return;
    std::string filter = "(or";
    for (int i = 0; i < 1000; ++i) filter += " (= src-ip " + std::to_string(i * 7919) + ")";
    const std::string text = listed(lisp::compile(source((filter + ")").c_str()))->module);
    BOOST_TEST(text.contains(" bytes of constants\n"));
    BOOST_TEST(!text.contains("(bad)"));
}

}  // namespace vfm
