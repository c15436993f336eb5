#include "core/front/front.h"

#include <algorithm>

#include "core/asm/assembler.h"
#include "core/base/io.h"
#include "core/lisp/compile.h"
#include "core/module/declarations.h"
#include "core/module/module_file.h"

namespace vfm {
namespace {

Result<Filter> from_lisp(const std::shared_ptr<const SourceFile>& source) {
    lisp::DiskFiles files;
    lisp::Compiled compiled = TRY(lisp::compile(source, &files));
    return Filter{std::move(compiled.module), source->name(), std::move(compiled.warnings), false};
}

Result<Filter> from_assembly(const std::shared_ptr<const SourceFile>& source) {
    Assembly assembly = TRY(assemble(source));
    Module& module = assembly.module;
    const bool has_source = !module.source_text.empty() || !module.lines.empty();
    if (!has_source && source->text().size() <= kMaxText) {
        module.source_name = source->name();
        module.source_text = source->text();
        module.lines = std::move(assembly.places);
    }
    return Filter{std::move(module), source->name(), {}, false};
}

bool begins_with(ByteView bytes, std::initializer_list<uint8_t> magic) {
    return bytes.size() >= magic.size() && std::ranges::equal(bytes.first(magic.size()), magic);
}

/// What stands in a filter's place by mistake; empty if nothing is known of it.
std::string_view no_filter(ByteView bytes) {
    for (const auto& magic : {std::initializer_list<uint8_t>{0xa1, 0xb2, 0xc3, 0xd4},
                              {0xd4, 0xc3, 0xb2, 0xa1},
                              {0xa1, 0xb2, 0x3c, 0x4d},
                              {0x4d, 0x3c, 0xb2, 0xa1},
                              {0x0a, 0x0d, 0x0d, 0x0a}})
        if (begins_with(bytes, magic)) return "this is a capture: expected a filter in its place";
    for (const auto& magic : {std::initializer_list<uint8_t>{0x1f, 0x8b}, {0x28, 0xb5, 0x2f, 0xfd}})
        if (begins_with(bytes, magic))
            return "this is a compressed file, perhaps a capture: expected a filter in its place";
    if (begins_with(bytes, {0x7f, 'E', 'L', 'F'}))
        return "this is an ELF object: expected VFLisp, assembly or bytecode";
    return {};
}

/// VFLisp begins with a list or a comment, and no program does: `(` and `;` are no opcodes.
bool is_lisp(ByteView bytes) {
    if (begins_with(bytes, {0xef, 0xbb, 0xbf})) bytes = bytes.subspan(3);
    for (const uint8_t byte : bytes) {
        if (byte == '(' || byte == ';') return true;
        if (byte != ' ' && (byte < '\t' || byte > '\r')) return false;
    }
    return false;
}

Result<Filter> from_bytes(const std::string& path) {
    Result<Bytes> read = read_file(path, kMaxModuleFile);
    if (!read && path.starts_with('('))
        read.error().diagnostics.front().hint = "an expression in a file's place is given with -e";
    const Bytes bytes = TRY(std::move(read));
    const std::string name = display_name(path);
    if (is_module_file(bytes)) return Filter{TRY(parse_program(bytes, name)), name, {}, true};
    if (is_lisp(bytes))
        return from_lisp(
            std::make_shared<const SourceFile>(name, std::string(bytes.begin(), bytes.end())));
    if (const std::string_view what = no_filter(bytes); !what.empty())
        return fail(Diagnostic::about(name, std::string(what)));
    return Filter{TRY(parse_program(bytes, name)), name, {}, false};
}

Result<std::shared_ptr<const SourceFile>> read_source(const std::string& path, size_t limit) {
    return std::make_shared<const SourceFile>(path, TRY(read_text(path, limit)));
}

/// In any case of letters.
bool has_suffix(const std::string& path, std::string_view suffix) {
    if (path.size() < suffix.size()) return false;
    return std::ranges::equal(path.substr(path.size() - suffix.size()), suffix,
                              [](char a, char b) { return (a | 0x20) == (b | 0x20); });
}

/// The token, or the parenthesis, at a position of a text; nothing if the text has no such place.
std::optional<Span> span_at(const SourceFile& source, Position position) {
    if (position.line == 0 || position.line > source.line_count()) return std::nullopt;
    const std::string_view line = source.line(position.line);
    if (position.column == 0 || position.column > line.size()) return std::nullopt;
    const std::string_view rest = line.substr(position.column - 1);
    const size_t length =
        std::max<size_t>(1, std::min(rest.find_first_of(" \t();\""), rest.size()));
    const auto begin = static_cast<uint32_t>(rest.data() - source.text().data());
    return Span{begin, begin + static_cast<uint32_t>(length)};
}

}  // namespace

Result<Filter> load_filter(const std::string& path) {
    if (has_suffix(path, ".vfl")) return from_lisp(TRY(read_source(path, kMaxText)));
    if (has_suffix(path, ".vfm")) return from_assembly(TRY(read_source(path, kMaxAssembly)));
    if (has_suffix(path, ".pcapf"))
        return fail(Diagnostic::about(
            path, "this is a tcpdump expression, which this version does not translate"));
    return from_bytes(path);
}

Result<Filter> load_expression(const std::string& text) {
    return from_lisp(std::make_shared<const SourceFile>("<expr>", text));
}

Diagnostic locate(const Filter& filter, uint32_t code_offset, const std::string& message) {
    const Module& module = filter.module;
    Diagnostic result = Diagnostic::at_offset(filter.name, code_offset, message);
    const LineEntry* entry = module.line_entry_of(code_offset);
    if (!entry) return result;
    const std::string& text =
        entry->file == 0 ? module.source_text : module.included[entry->file - 1].text;
    if (text.empty()) return result;
    const std::string& known = module.file_name(entry->file);
    auto source = std::make_shared<const SourceFile>(known.empty() ? filter.name : known, text);
    if (const auto span = span_at(*source, entry->position)) {
        result.source = std::move(source);
        result.span = *span;
    }
    return result;
}

Failure locate(const Filter& filter, Failure failure) {
    for (Diagnostic& diagnostic : failure.diagnostics) {
        if (diagnostic.source || !diagnostic.offset) continue;
        Diagnostic there =
            locate(filter, static_cast<uint32_t>(*diagnostic.offset), diagnostic.message);
        there.severity = diagnostic.severity;
        there.hint = std::move(diagnostic.hint);
        diagnostic = std::move(there);
    }
    return failure;
}

Result<VerifiedModule> verify_filter(const Filter& filter, std::optional<uint64_t> fuel) {
    Module module = filter.module;
    if (fuel) module.fuel = fuel;
    auto verified = verify(std::move(module));
    if (verified) return *std::move(verified);
    const Rejection& rejection = verified.error();
    Diagnostic diagnostic = locate(filter, rejection.offset, rejection.reason);
    diagnostic.kind = error_name(rejection.kind);
    diagnostic.mnemonic = rejection.mnemonic;
    return fail(std::move(diagnostic));
}

}  // namespace vfm
