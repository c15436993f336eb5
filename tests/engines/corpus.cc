#include "tests/engines/corpus.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "core/asm/assembler.h"
#include "core/front/front.h"
#include "core/lisp/compile.h"
#include "core/verify/verify.h"
#include "tests/engines/deep_program.h"
#include "tests/engines/large_program.h"
#include "tests/engines/tree_engine.h"
#include "tests/harness/random_lisp.h"
#include "tests/harness/random_program.h"

namespace vfm::test {
namespace {

Module random_code(const CorpusOptions& options, Rng& rng) {
    RandomOptions wanted;
    wanted.loops = options.loops;
    wanted.clock = rng.one_in(8);
    wanted.small_fuel = rng.one_in(8);
    if (rng.one_in(16)) wanted.max_instructions = 600;
    return random_program(rng, wanted);
}

Module assembled_deep(const CorpusOptions& options, Rng& rng) {
    const auto source =
        std::make_shared<const SourceFile>("deep.vfm", deep_program(rng, options.loops));
    auto assembled = assemble(source);
    if (!assembled) throw std::runtime_error(render(assembled.error().diagnostics));
    return std::move(assembled->module);
}

// As many of each magnitude, and a third as large as a program may be.
size_t large_size(Rng& rng) {
    if (rng.one_in(3)) return kMaxCode;
    const size_t most = size_t{1000} << rng.below(7);
    return std::min<size_t>(kMaxCode, most + rng.below(most));
}

CorpusProgram compiled_lisp(Rng& rng) {
    CorpusProgram made;
    made.source = random_lisp(rng, {.clock = rng.one_in(3)});
    const auto source = std::make_shared<const SourceFile>("random.vfl", made.source);
    auto compiled = lisp::compile(source);
    if (!compiled)
        throw std::runtime_error(made.source + "\n" + render(compiled.error().diagnostics));
    made.module = std::move(compiled->module);
    made.tree = parse_tree(source);
    return made;
}

bool calls_the_host(const VerifiedModule& program) {
    return std::ranges::find(program.insns(), Opcode::CALL, &Insn::op) != program.insns().end();
}

}  // namespace

bool is_language(std::string_view language) {
    return language == "code" || language == "lisp" || language == "deep" || language == "large";
}

CorpusProgram corpus_program(const CorpusOptions& options, Rng& rng) {
    if (options.language == "lisp") return compiled_lisp(rng);
    CorpusProgram made;
    if (options.language == "deep") {
        made.module = assembled_deep(options, rng);
    } else if (options.language == "large") {
        const size_t bytes = large_size(rng);
        LargeProgram large = large_program(rng, bytes, options.loops);
        made.source = fmt::format("; {}, {} bytes", large.shape, large.module.code.size());
        made.module = std::move(large.module);
    } else {
        made.module = random_code(options, rng);
    }
    return made;
}

std::vector<CorpusProgram> filters_below(const std::string& folder) {
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        const auto extension = entry.path().extension();
        if (extension == ".vfl" || extension == ".vfm") paths.push_back(entry.path());
    }
    std::ranges::sort(paths);
    std::vector<CorpusProgram> filters;
    for (const std::string& path : paths) {
        auto filter = load_filter(path);
        if (!filter) continue;
        const auto program = verify(filter->module);
        if (!program || calls_the_host(*program)) continue;
        filters.push_back({.module = std::move(filter->module), .source = path, .tree = {}});
    }
    return filters;
}

}  // namespace vfm::test
