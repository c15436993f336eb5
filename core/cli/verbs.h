// Tools that are made of verbs ("vfm-xdp attach"): one table of rows, and generic code that finds
// the row, lists all of them, and suggests one for a misspelt verb.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/cli/cli.h"

namespace vfm::cli {

/// One row. `run` takes the arguments after the verb and hands them to parse() with `tool`.
struct Verb {
    std::string_view name;  ///< "attach"
    const Tool* tool;       ///< name "vfm-xdp attach"; must outlive the call
    std::function<int(const std::vector<std::string>&)> run;
};

/// Runs the verb that the first argument names. --help and `help` list the verbs, `help VERB` is
/// `VERB --help`, --version and the hidden --man (a page with a section for every verb) are as in
/// parse(). No verb or an unknown one is wrong usage.
int run_verbs(const Tool& tool, const std::vector<Verb>& verbs,
              const std::vector<std::string>& arguments);

}  // namespace vfm::cli
