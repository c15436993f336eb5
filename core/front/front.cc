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
    lisp::Compiled compiled = TRY(lisp::compile(source));
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

Result<Filter> from_bytes(const std::string& path) {
    const Bytes bytes = TRY(read_file(path, kMaxModuleFile));
    const std::string name = display_name(path);
    return Filter{TRY(parse_program(bytes, name)), name, {}, is_module_file(bytes)};
}

Result<std::shared_ptr<const SourceFile>> read_source(const std::string& path, size_t limit) {
    return std::make_shared<const SourceFile>(path, TRY(read_text(path, limit)));
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
    if (path.ends_with(".vfl")) return from_lisp(TRY(read_source(path, kMaxText)));
    if (path.ends_with(".vfm")) return from_assembly(TRY(read_source(path, kMaxAssembly)));
    return from_bytes(path);
}

Result<Filter> load_expression(const std::string& text) {
    return from_lisp(std::make_shared<const SourceFile>("<expr>", text));
}

Diagnostic locate(const Filter& filter, uint32_t code_offset, const std::string& message) {
    const Module& module = filter.module;
    Diagnostic result = Diagnostic::at_offset(filter.name, code_offset, message);
    const auto position = module.position_of(code_offset);
    if (!position || module.source_text.empty()) return result;
    const std::string& name = module.source_name.empty() ? filter.name : module.source_name;
    auto source = std::make_shared<const SourceFile>(name, module.source_text);
    if (const auto span = span_at(*source, *position)) {
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
