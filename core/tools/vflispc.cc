// vflispc: VFLisp to bytecode, and what it looks like on the way.
#include <fmt/core.h>

#include <algorithm>
#include <cstdio>

#include "core/base/io.h"
#include "core/cli/cli.h"
#include "core/front/front.h"
#include "core/lisp/compile.h"
#include "core/module/module_file.h"
#include "core/tools/language_text.h"
#include "core/tools/sample_packets.h"
#include "core/tools/vflispc_report.h"
#include "userspace/engines/engines.h"
#include "userspace/io/capture.h"
#include "userspace/io/capture_writer.h"
#include "userspace/io/link_types.h"
#include "userspace/lint/lint.h"

namespace vfm {
namespace {

namespace po = cli::po;

const cli::Tool kTool = {
    "vflispc",
    "[OPTIONS] (-e EXPR | FILE) -o OUT",
    "Compiles VFLisp to bytecode.",
    "FILE is VFLisp; - is standard input. With -d, -t and --test alone it may be bytecode, raw or "
    "a module, with --lint a module that carries its VFLisp. OUT is a raw program if the filter "
    "needs no declarations, else a module, which "
    "also carries the source for listings and messages.\n\n"
    "Every error of the file is reported. -a, -d, -t and --test print in this order and need no "
    "-o; results are those of the reference interpreter, with flow tables that start empty.\n\n"
    "--lint looks for what a filter lets by, or never does, that its author hardly meant, and "
    "ends with 1 if there is any: fields at fixed offsets that VLAN tags, IPv4 options or "
    "IPv6 evade, rules that deny ports and let later fragments by, rules that never decide, tests "
    "that are always true or false. Each finding has a packet that was run through the filter and "
    "shows it.",
    {{"vflispc -e '(= ip.proto tcp)' -o tcp.bin", "compiles an expression"},
     {"vflispc -t tcp.bin", "runs it on built-in sample packets"},
     {"vflispc -d tcp.bin", "lists its bytecode"},
     {"vflispc -a -d filter.vfl", "shows syntax tree and code of a file"},
     {"vflispc --test=trace.pcap filter.vfl", "runs it on a capture"},
     {"vflispc --lint --lint-pcap=shown.pcap filter.vfl",
      "looks for ways past it, and keeps the packets that take them"}},
};

struct Options {
    std::string input;  // path, or the VFLisp of -e
    bool expression = false;
    std::string output;   // empty for none
    std::string capture;  // empty for none
    bool as_module = false;
    bool tree = false;
    bool listing = false;
    bool samples = false;
    bool json = false;
    bool lint = false;
    std::string lint_capture;  // empty for none

    bool needs_source() const { return tree || !output.empty(); }
    bool prints() const { return tree || listing || samples || !capture.empty() || lint; }
};

/// What was given: VFLisp with its text, or bytecode without.
struct Input {
    std::shared_ptr<const SourceFile> source;
    Filter filter;
};

/// Modules say what they are. A raw program is told by its name, or by bytes that no text has.
bool is_bytecode(const std::string& path, const std::string& bytes) {
    if (path.ends_with(".vfl") || path.ends_with(".VFL")) return false;
    if (path.ends_with(".bin") || is_module_file(as_bytes(bytes))) return true;
    return std::ranges::any_of(bytes, [](char c) {
        return static_cast<unsigned char>(c) < 0x20 && (c < '\t' || c > '\r');
    });
}

Result<Input> load_source(std::shared_ptr<const SourceFile> source) {
    lisp::DiskFiles files;
    lisp::Compiled compiled = TRY(lisp::compile(source, &files));
    cli::report(compiled.warnings);
    const std::string name = source->name();
    return Input{std::move(source), {std::move(compiled.module), name, {}, false}};
}

Result<Input> load(const Options& options) {
    if (options.expression)
        return load_source(std::make_shared<const SourceFile>("<expr>", options.input));
    const std::string name = display_name(options.input);
    std::string text = TRY(read_text(options.input));
    if (!is_bytecode(options.input, text))
        return load_source(std::make_shared<const SourceFile>(name, std::move(text)));
    if (options.needs_source())
        return fail(Diagnostic::about(name, "this is bytecode: expected VFLisp",
                                      "-d, -t and --test alone take bytecode too"));
    return Input{nullptr, {TRY(parse_program(as_bytes(text), name)), name, {}, false}};
}

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

Result<> print_listing(const Input& input, bool json) {
    std::vector<Insn> insns;
    if (const auto rejection = decode_program(input.filter.module.code, insns))
        return fail(rejection->diagnostic(input.filter.name));
    print(listing_text(input.filter.module, json));
    return {};
}

Result<std::unique_ptr<Instance>> start(const Input& input) {
    return find_engine("interp")->make(TRY(verify_filter(input.filter)));
}

Result<> run_samples(const Input& input, bool json) {
    const std::unique_ptr<Instance> engine = TRY(start(input));
    ResultReport report(json);
    for (const SamplePacket& sample : sample_packets())
        print(report.packet(sample.name, sample.bytes.size(),
                            engine->run({.bytes = sample.bytes, .timestamp = 0})));
    print(report.summary());
    return {};
}

Result<> run_capture(const Input& input, const std::string& path, bool json) {
    const std::unique_ptr<Instance> engine = TRY(start(input));
    CaptureReader capture = TRY(CaptureReader::open(path));
    capture.before_wait([] {
        std::fflush(stdout);
        return !cli::stdout_closed();
    });
    ResultReport report(json);
    for (;;) {
        const auto captured = capture.next();
        if (capture.has_notes()) cli::report(capture.take_notes());
        if (!captured || !*captured || cli::stdout_closed()) {
            print(report.summary());
            if (!captured) return std::unexpected(captured.error());
            return {};
        }
        const Packet& packet = (*captured)->packet;
        const bool readable = (*captured)->readable;
        print(report.packet({}, packet.visible().size(),
                            readable ? engine->run(packet) : Outcome::skip()));
    }
}

/// What was found, printed, in the order of the text.
Result<size_t> run_lint(const Input& input, const Options& options) {
    lisp::DiskFiles files;
    const auto found = input.source ? lint::lint(input.source, &files)
                                    : lint::lint(input.filter.module, input.filter.name);
    if (!found) return std::unexpected(locate(input.filter, found.error()));
    const std::vector<lint::Finding>& findings = *found;
    for (const lint::Finding& finding : findings) print(finding_text(finding, options.json));
    if (!options.lint_capture.empty()) {
        CaptureWriter capture = TRY(CaptureWriter::create(options.lint_capture));
        CaptureRecord record;
        record.interface.link_type = kLinkEthernet;
        for (const lint::Finding& finding : findings) {
            record.bytes = finding.packet;
            record.original = static_cast<uint32_t>(finding.packet.size());
            capture.write(record, 1);
        }
        TRY(capture.commit(1, kLinkEthernet));
    }
    return findings.size();
}

/// The exit status.
Result<int> run_all(const Options& options) {
    const Input input = TRY(load(options));
    if (options.tree) {
        lisp::DiskFiles files;
        print(tree_text(TRY(lisp::analyse(input.source, &files)).tree, options.json));
    }
    if (options.listing) TRY(print_listing(input, options.json));
    if (options.samples) TRY(run_samples(input, options.json));
    if (!options.capture.empty()) TRY(run_capture(input, options.capture, options.json));
    const bool found = options.lint && TRY(run_lint(input, options)) > 0;
    const int status = found ? static_cast<int>(Status::rejected) : 0;
    if (options.output.empty()) return status;
    const Module& module = input.filter.module;
    const Bytes bytes = options.as_module ? module_bytes(module) : program_bytes(module);
    TRY(check_module_size(bytes, input.filter.name));
    TRY(write_file(options.output, bytes));
    return status;
}

Result<Options> options_of(const po::variables_map& values) {
    Options out;
    out.expression = values.contains("expression");
    if (out.expression && values.contains("file"))
        return std::unexpected(cli::usage_error(kTool, "-e and FILE exclude each other"));
    if (!out.expression && !values.contains("file"))
        return std::unexpected(cli::usage_error(kTool, "FILE or -e is missing"));
    out.input = values[out.expression ? "expression" : "file"].as<std::string>();
    const auto path_of = [&](const char* option) {
        return values.contains(option) ? values[option].as<std::string>() : std::string();
    };
    out.output = path_of("output");
    out.capture = path_of("test");
    out.lint_capture = path_of("lint-pcap");
    for (const char* option : {"output", "test", "lint-pcap"})
        if (values.contains(option) && path_of(option).empty())
            return std::unexpected(
                cli::usage_error(kTool, fmt::format("--{} needs a file name", option)));
    out.as_module = values.contains("module");
    out.tree = values.contains("ast");
    out.listing = values.contains("disassemble");
    out.samples = values.contains("try");
    out.json = values.contains("json");
    out.lint = values.contains("lint");
    if (!out.lint_capture.empty() && !out.lint)
        return std::unexpected(cli::usage_error(kTool, "--lint-pcap goes with --lint"));
    if (out.output.empty() && !out.prints())
        return std::unexpected(cli::usage_error(
            kTool, "nothing to do: expected -o OUT, -a, -d, -t, --test=PCAP or --lint"));
    if (!out.expression && out.input == "-" && out.capture == "-")
        return std::unexpected(
            cli::usage_error(kTool, "FILE and PCAP cannot both be standard input"));
    return out;
}

int run(const std::vector<std::string>& arguments) {
    const auto text = [](const char* name) { return po::value<std::string>()->value_name(name); };
    po::options_description visible;
    visible.add_options()("expression,e", text("EXPR"), "compile this instead of a file")(
        "output,o", text("OUT"), "where the bytecode goes; - is standard output")(
        "module", "write a module also where a raw program would do")(
        "ast,a", "print the syntax tree with types and places")(
        "disassemble,d", "print the bytecode with its source lines")(
        "try,t", "run the filter on built-in sample packets")(
        "test", text("PCAP"), "run the filter on the packets of a capture")(
        "lint", "look for ways past the filter and for rules and tests that do nothing")(
        "lint-pcap", text("OUT"), "write the packets that show what --lint found, one a finding")(
        "fields", "list the language's fields, headers and names of numbers")(
        "forms", "list the language's forms")(
        "json", "print tree, listing, results, findings and lists as JSON lines");
    po::options_description hidden;
    hidden.add_options()("file", po::value<std::string>());
    po::positional_options_description positional;
    positional.add("file", 1);
    const cli::ParseOutcome parsed = cli::parse(kTool, visible, hidden, positional, arguments);
    if (!parsed.values) return parsed.status;
    const bool fields = parsed.values->contains("fields"), forms = parsed.values->contains("forms");
    if (fields) print(fields_text(parsed.values->contains("json")));
    if (forms) print(forms_text(parsed.values->contains("json")));
    if (fields || forms) return 0;
    const Result<Options> options = options_of(*parsed.values);
    if (!options) return cli::report(options.error());
    const Result<int> done = run_all(*options);
    return done ? *done : cli::report(done.error(), options->json);
}

}  // namespace
}  // namespace vfm

int main(int argc, char** argv) { return vfm::cli::run_main(argc, argv, vfm::run); }
