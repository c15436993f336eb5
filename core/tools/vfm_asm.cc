// vfm-asm: assembly to bytecode.
#include <cstdio>

#include "core/asm/assembler.h"
#include "core/asm/disassembler.h"
#include "core/base/io.h"
#include "core/cli/cli.h"
#include "core/module/module_file.h"

namespace vfm {
namespace {

namespace po = cli::po;

const cli::Tool kTool = {
    "vfm-asm",
    "[OPTIONS] IN -o OUT",
    "Assembles VFM assembly to bytecode.",
    "One instruction a line, mnemonics in any case, comments from a semicolon to the end of the "
    "line. NAME: is a label, which jumps take as operand; a number as operand of a jump is the "
    "distance in bytes from the next instruction. Numbers are decimal, 0x, 0b or dotted IPv4. RET "
    "n "
    "stands for PUSH n and RET.\n\n"
    "The directives .fuel, .table, .set with .member, .import, .rules with .rule and .row, "
    ".counters "
    "with .counter, .source with .text, .loc and .module declare what a module holds beside its "
    "code. Without any the output is a raw "
    "program.\n\n"
    "Every error of the file is reported. The program is not verified, so that a wrong one can be "
    "assembled and looked at.",
    {{"vfm-asm filter.vfm -o filter.bin", "assembles filter.vfm"},
     {"vfm-asm -v filter.vfm -o filter.bin", "and lists offsets, bytes and instructions"},
     {"vfm-dis filter.bin | vfm-asm - -o same.bin", "writes the same bytes again"}},
};

Result<> assemble_file(const std::string& in, const std::string& out, bool listing) {
    const auto source =
        std::make_shared<const SourceFile>(display_name(in), TRY(read_text(in, kMaxAssembly)));
    Assembly assembly = TRY(assemble(source));
    const Bytes bytes = assembly.bytes();
    TRY(check_module_size(bytes, source->name()));
    TRY(write_file(out, bytes));
    if (!listing) return {};
    assembly.module.source_text = source->text();
    assembly.module.included.clear();
    assembly.module.lines = assembly.places;
    const std::string text =
        disassemble(assembly.module, {.offsets = true, .hex = true, .source = true});
    std::fputs(text.c_str(), out == "-" ? stderr : stdout);
    return {};
}

int run(const std::vector<std::string>& arguments) {
    po::options_description visible;
    visible.add_options()("output,o", po::value<std::string>()->value_name("OUT")->required(),
                          "where the bytecode goes; - is standard output")(
        "verbose,v", "print a listing: source, offsets, bytes, instructions");
    po::options_description hidden;
    hidden.add_options()("in", po::value<std::string>()->required());
    po::positional_options_description positional;
    positional.add("in", 1);
    const cli::ParseOutcome parsed = cli::parse(kTool, visible, hidden, positional, arguments);
    if (!parsed.values) return parsed.status;
    const po::variables_map& values = *parsed.values;
    const auto done = assemble_file(values["in"].as<std::string>(),
                                    values["output"].as<std::string>(), values.contains("verbose"));
    return done ? 0 : cli::report(done.error());
}

}  // namespace
}  // namespace vfm

int main(int argc, char** argv) { return vfm::cli::run_main(argc, argv, vfm::run); }
