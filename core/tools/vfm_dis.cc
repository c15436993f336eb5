// vfm-dis: bytecode to assembly, a control-flow graph, or IR.
#include <fmt/core.h>

#include <algorithm>

#include "core/asm/disassembler.h"
#include "core/asm/dot.h"
#include "core/base/io.h"
#include "core/cli/cli.h"
#include "core/front/front.h"
#include "core/ir/form/print.h"
#include "core/ir/lift/lift.h"
#include "core/ir/native/native_passes.h"
#include "core/ir/passes/passes.h"
#include "userspace/jit/listing.h"
#include "userspace/jit/native_program.h"

namespace vfm {
namespace {

namespace po = cli::po;

const cli::Tool kTool = {
    "vfm-dis",
    "[OPTIONS] IN [OUT]",
    "Disassembles bytecode.",
    "IN is a raw program, a module, or a .vfl or .vfm file; - is standard input. OUT is standard "
    "output if it is not given. The plain output is assembly that vfm-asm turns into the same "
    "bytes: targets of jumps become labels, declarations of a module directives.\n\n"
    "-a, -x, --ir and --native show source lines where the program says which they are: a .vfl or "
    ".vfm file and a module do, a raw program does not (vflispc --module always writes a module). "
    "Of a raw program --native shows the bytecode instead.\n\n"
    "What --native shows depends on the CPU, but is the same from run to run.\n\n"
    "Bytes that do not decode are an error at their offset. --dot, --ir and --native also need the "
    "program to pass verification; the plain output and the listings do not.",
    {{"vfm-dis filter.bin", "shows the assembly"},
     {"vfm-dis -a -x filter.bin", "with offsets and bytes"},
     {"vfm-dis --dot filter.bin | dot -Tsvg -o filter.svg", "draws the control flow"},
     {"vfm-dis --ir filter.bin", "shows what back ends compile"},
     {"vfm-dis --ir=native filter.bin", "with what only native code gains from"},
     {"vfm-dis --native filter.vfl", "shows the machine code beside the source lines"}},
};

constexpr std::string_view kCommon = "common", kNative = "native";

Result<std::string> optimised_ir(const Filter& filter, const VerifiedModule& program, bool native) {
    auto function = ir::lift(program);
    if (!function) return std::unexpected(locate(filter, std::move(function).error()));
    if (native)
        ir::optimise_for_native(*function);
    else
        ir::optimise(*function);
    return ir::print(*function, program.module());
}

Result<std::string> native_code(const Filter& filter, const VerifiedModule& program) {
    const auto compiled =
        jit::NativeProgram::compile(program, {.lines = true, .bursts = jit::BurstVariant::best});
    if (!compiled) return std::unexpected(locate(filter, compiled.error()));
    return jit::listing(**compiled);
}

/// What is wanted of a program that decodes.
Result<std::string> text_of(const Filter& filter, const po::variables_map& values) {
    std::vector<Insn> insns;
    if (const auto rejection = decode_program(filter.module.code, insns))
        return fail(rejection->diagnostic(filter.name));
    if (values.contains("dot")) return control_flow_dot(TRY(verify_filter(filter)));
    if (values.contains("ir"))
        return optimised_ir(filter, TRY(verify_filter(filter)),
                            values["ir"].as<std::string>() == kNative);
    if (values.contains("native")) return native_code(filter, TRY(verify_filter(filter)));
    const bool offsets = values.contains("addresses") || values.contains("verbose");
    const bool hex = values.contains("hex");
    return disassemble(filter.module, {.offsets = offsets,
                                       .hex = hex,
                                       .source = offsets || hex,
                                       .as_module = filter.from_module_file});
}

Result<> disassemble_file(const po::variables_map& values) {
    const Filter filter = TRY(load_filter(values["in"].as<std::string>()));
    const std::string text = TRY(text_of(filter, values));
    return write_file(values["out"].as<std::string>(), as_bytes(text));
}

/// The option's value may be left out but is never the next argument.
std::vector<std::string> with_values(std::vector<std::string> arguments) {
    const auto end = std::ranges::find(arguments, "--");
    std::replace(arguments.begin(), end, std::string("--ir"), "--ir=" + std::string(kCommon));
    return arguments;
}

int run(const std::vector<std::string>& arguments) {
    po::options_description visible;
    visible.add_options()("addresses,a", "show code offsets")("verbose,v", "the same")(
        "hex,x", "show the bytes of each instruction")(
        "dot", "print the control-flow graph for Graphviz, a node for each basic block")(
        "ir", po::value<std::string>()->implicit_value(std::string(kCommon))->value_name("WHICH"),
        "print the optimised intermediate representation: common to all back ends, or native")(
        "native",
        "print the machine code of the engine jit with notes, beside the source lines of a .vfl "
        "file or "
        "a module (a raw program has none)")(
        "json", "print a rejection as a JSON object on standard output");
    po::options_description hidden;
    hidden.add_options()("in", po::value<std::string>()->required())(
        "out", po::value<std::string>()->default_value("-"));
    po::positional_options_description positional;
    positional.add("in", 1).add("out", 1);
    const cli::ParseOutcome parsed =
        cli::parse(kTool, visible, hidden, positional, with_values(arguments));
    if (!parsed.values) return parsed.status;
    const po::variables_map& values = *parsed.values;
    if (values.count("dot") + values.count("ir") + values.count("native") > 1)
        return cli::report(cli::usage_error(kTool, "--dot, --ir and --native exclude each other"));
    if (values.contains("ir")) {
        const std::string& which = values["ir"].as<std::string>();
        if (which != kCommon && which != kNative)
            return cli::report(cli::usage_error(
                kTool, "--ir is common or native, not '" + printable(which) + "'"));
    }
    const auto done = disassemble_file(values);
    return done ? 0 : cli::report(done.error(), values.contains("json"));
}

}  // namespace
}  // namespace vfm

int main(int argc, char** argv) { return vfm::cli::run_main(argc, argv, vfm::run); }
