// The programs of the acceptance corpus: random ones in several languages, and filters of a folder.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/lisp/sema.h"
#include "core/module/module.h"
#include "tests/harness/rng.h"

namespace vfm::test {

/// Which programs.
struct CorpusOptions {
    /// "code": bytecode; "lisp": VFLisp; "deep": many values at once; "large": up to 64 KB.
    std::string language = "code";
    bool loops = false;  ///< of all but VFLisp, which has none
};

bool is_language(std::string_view language);

struct CorpusProgram {
    Module module;
    std::string source;  ///< of VFLisp; of a filter its path; of a large program its shape
    std::optional<lisp::Tree> tree;  ///< of VFLisp
};

/// Throws std::runtime_error where a language's programs do not compile.
CorpusProgram corpus_program(const CorpusOptions& options, Rng& rng);

/// The filters below a folder that are in order and call no host functions, which nobody has here.
std::vector<CorpusProgram> filters_below(const std::string& folder);

}  // namespace vfm::test
