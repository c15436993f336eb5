#include "core/cli/verbs.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>

#include "core/base/text.h"
#include "core/cli/page.h"

namespace vfm::cli {
namespace {

std::string verbs_help(const Tool& tool, const std::vector<Verb>& verbs) {
    std::string out =
        fmt::format("Usage: {} {}\n\n{}\n\nVerbs:\n", tool.name, tool.usage, tool.summary);
    size_t column = 0;
    for (const Verb& verb : verbs) column = std::max(column, verb.name.size());
    for (const Verb& verb : verbs) {
        std::string_view begin = verb.name;
        for (const std::string& line : wrap(verb.tool->summary, 76 - column)) {
            out += fmt::format("  {:<{}}  {}\n", begin, column, line);
            begin = "";
        }
    }
    out += fmt::format("\n'{} VERB --help' shows the options of a verb, --version the version.\n",
                       tool.name);
    if (!tool.examples.empty()) out += "\nExamples:\n";
    for (const Example& example : tool.examples)
        out += fmt::format("  {}\n      {}\n", example.command, example.what);
    return out;
}

void print_man(const Tool& tool, const std::vector<Verb>& verbs) {
    const std::string synopsis = fmt::format(".B {}\n{}\n", tool.name, tool.usage);
    std::fputs((man_head(tool, synopsis) + ".SH VERBS\n").c_str(), stdout);
    for (const Verb& verb : verbs) verb.run({"--man"});
    std::fputs(man_tail(tool).c_str(), stdout);
}

int unknown_verb(const Tool& tool, const std::vector<Verb>& verbs, const std::string& typed) {
    std::vector<std::string_view> names;
    for (const Verb& verb : verbs) names.push_back(verb.name);
    const bool option = typed.starts_with('-');
    Failure failure = usage_error(
        tool, fmt::format("unknown {} '{}'", option ? "option" : "verb", printable(typed)));
    if (const auto near = nearest(typed, names))
        failure.diagnostics.front().hint =
            fmt::format("did you mean '{}'? {}", *near, failure.diagnostics.front().hint);
    return report(failure);
}

}  // namespace

int run_verbs(const Tool& tool, const std::vector<Verb>& verbs,
              const std::vector<std::string>& arguments) {
    if (arguments.empty()) return report(usage_error(tool, "a verb is missing"));
    std::string first = arguments.front();
    std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
    if (first == "help" && !rest.empty()) {
        first = rest.front();
        rest = {"--help"};
    }
    if (first == "-h" || first == "--help" || first == "help") {
        std::fputs(verbs_help(tool, verbs).c_str(), stdout);
        return 0;
    }
    if (first == "--version") {
        std::fputs(fmt::format("{} (VFM) {}\n", tool.name, VFM_VERSION).c_str(), stdout);
        return 0;
    }
    if (first == "--man") {
        print_man(tool, verbs);
        return 0;
    }
    const auto verb = std::ranges::find(verbs, first, &Verb::name);
    if (verb == verbs.end()) return unknown_verb(tool, verbs, first);
    return verb->run(rest);
}

}  // namespace vfm::cli
