// Machine code as text beside its source.
#include "userspace/jit/listing.h"

#include <boost/test/unit_test.hpp>

#include "core/asm/assembler.h"
#include "core/lisp/compile.h"

namespace vfm {
BOOST_AUTO_TEST_SUITE(listing_test)

namespace {

std::string listed(Module module) {
    auto program = verify(std::move(module));
    BOOST_TEST_REQUIRE(program.has_value());
    const auto native =
        jit::NativeProgram::compile(*program, {.lines = true, .bursts = jit::BurstVariant::best});
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

BOOST_AUTO_TEST_CASE(sets_rules_and_counters_have_names) {
    if (!jit::NativeProgram::missing().empty()) return;
    const char* const text =
        ".set office width=128\n.member 2001:db8::/32\n.set guests width=32 live\n"
        ".rules web keys=32\n.rule 1\n.row 10.0.0.0/8\n.counters seen\n.counter 1 f all\n"
        "LD64 22\nLD64 30\nIN128 0\nLD32 26\nIN 1\nADD\nLD32 26\nPUSH8 1\nMATCH 0\nDUP\n"
        "COUNT 0\nVERDICT 0\nADD\nRET\n";
    const std::string listing = listed(assemble(source(text))->module);
    BOOST_TEST(listing.contains("movabs rdx, set office\n"));
    BOOST_TEST(listing.contains("; set guests as it is now\n"));
    BOOST_TEST(listing.contains("movabs rdi, rules web\n"));
    BOOST_TEST(listing.contains("movabs rax, PreparedRules::match\n"));
    BOOST_TEST(listing.contains("; counters seen\n"));
    BOOST_TEST(listing.contains("; verdict of rules web\n"));
}

BOOST_AUTO_TEST_CASE(nothing_changes_from_run_to_run_and_functions_have_names) {
    if (!jit::NativeProgram::missing().empty()) return;
    const char* const filter = "(< (count-by src-ip) 100)";
    const std::string text = listed(lisp::compile(source(filter))->module);
    BOOST_TEST(text.contains("movabs rax, FlowTable::add\n"));
    BOOST_TEST(text.contains("; flow_add, table 0 (src-ip): where the key's home is\n"));
    BOOST_TEST(text.contains("-> call flow_add\n"));
    // Other tables and other code in between: the same text.
    BOOST_TEST(listed(lisp::compile(source("(= proto 6)"))->module) != text);
    BOOST_TEST(listed(lisp::compile(source(filter))->module) == text);
    const std::string random = listed(assemble(source("RAND\nRET"))->module);
    BOOST_TEST(random.contains("movabs rax, RandomSequence::next\n"));
    const std::string calling =
        listed(assemble(source(".import score args=0\nCALL 0\nRET"))->module);
    BOOST_TEST(calling.contains("; host function score\n"));
}

BOOST_AUTO_TEST_CASE(what_makes_it_fast_is_said) {
    if (!jit::NativeProgram::missing().empty()) return;
    const std::string text = listed(
        lisp::compile(source("(and (= proto 6) (or (= dst-port 22) (= dst-port 80) (= dst-port 443)"
                             " (= dst-port 8080)))"))
            ->module);
    BOOST_TEST(text.contains("; from 38 bytes on no further length tests\n"));
    BOOST_TEST(text.contains(", packets of at least 38 bytes\n"));
    BOOST_TEST(text.contains(", shorter packets\n"));
    BOOST_TEST(text.contains("; one of 4 keys: perfect hash, "));
    BOOST_TEST(text.contains("\n; BOUNDS\n"));
    const std::string swapped = listed(lisp::compile(source("(= ethertype 0x86dd)"))->module);
    BOOST_TEST(swapped.contains("0xdd86"));
    BOOST_TEST(swapped.contains("; 0x86dd in the order of the packet's bytes\n"));
    BOOST_TEST(text.contains("-> BOUNDS\n"));
}

BOOST_AUTO_TEST_CASE(what_runs_bursts_is_said) {
    if (!jit::NativeProgram::missing().empty()) return;
    const std::string vector = listed(lisp::compile(source("(= proto 6)"))->module);
    BOOST_TEST(vector.contains("\n; bursts: "));
    const jit::Cpu& cpu = jit::Cpu::host();
    if (cpu.avx512 || cpu.avx2) {
        BOOST_TEST(vector.contains(cpu.avx512 ? "; bursts: AVX-512, 16 packets at once in "
                                              : "; bursts: AVX2, 8 packets at once in "));
        BOOST_TEST(vector.contains(" = eq "));
        BOOST_TEST(vector.contains("load8 23\n"));
    }
    const std::string loop =
        listed(assemble(source("PUSH 9\non: PUSH 1\nSUB\nDUP\nPUSH 0\nJNE on\nRET"))->module);
    BOOST_TEST(loop.contains("; bursts: one by one, packets asked for ahead ("));
}

BOOST_AUTO_TEST_CASE(constants_are_counted_and_not_taken_for_code) {
    if (!jit::NativeProgram::missing().empty()) return;
    std::string filter = "(or";
    for (int i = 0; i < 1000; ++i) filter += " (= src-ip " + std::to_string(i * 7919) + ")";
    const std::string text = listed(lisp::compile(source((filter + ")").c_str()))->module);
    BOOST_TEST(text.contains(" bytes of constants\n"));
    BOOST_TEST(!text.contains("(bad)"));
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm
