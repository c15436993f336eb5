#include "core/lisp/codegen.h"

#include <fmt/core.h>

#include "core/lisp/generator.h"

namespace vfm::lisp {

std::optional<Module> generate(const Tree& tree, ErrorList& errors) {
    Generator generator(tree);
    generator.run();
    Emitter& emitter = generator.emitter();
    std::optional<CodeBuffer::Linked> linked = emitter.code().link();
    const Place& begin = tree.filter_place;
    if (const auto& deep = emitter.too_deep()) {
        const Position at = tree.sources->position(*deep);
        const std::string file =
            deep->file == 0 ? "" : tree.sources->file(deep->file)->name() + ":";
        errors.error(begin, fmt::format("too complex: more than {} values at once at {}{}:{}",
                                        kMaxStack, file, at.line, at.column));
    }
    if (!linked)
        errors.error(begin, fmt::format("too complex: more than {} bytes of code", kMaxCode));
    if (emitter.too_deep() || !linked) return std::nullopt;

    Module module;
    module.code = std::move(linked->code);
    module.tables = tree.tables;
    module.sets = std::move(generator.sets());
    module.imports = tree.imports;
    module.rule_tables = std::move(generator.rule_tables());
    module.counter_groups = tree.groups;
    module.source_name = tree.sources->file(0)->name();
    module.source_text = tree.sources->file(0)->text();
    for (uint32_t file = 1; file < tree.sources->count(); ++file) {
        const SourceFile& source = *tree.sources->file(file);
        module.included.push_back({source.name(), std::string(source.text())});
    }
    for (const auto& [offset, number] : linked->places) {
        const Place& place = emitter.places()[number];
        module.lines.push_back({offset, tree.sources->position(place), place.file});
    }
    module.map = {emitter.expressions(), std::move(linked->true_jumps), std::move(linked->relays)};
    module.rule_tests = std::move(generator.rule_tests());
    return module;
}

}  // namespace vfm::lisp
