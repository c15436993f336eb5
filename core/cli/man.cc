#include <fmt/core.h>

#include <algorithm>

#include "core/cli/exit_status.h"
#include "core/cli/page.h"

namespace vfm::cli {
namespace {

/// Text as roff shows it: minus signs stay minus signs and no line is taken for a request.
std::string roff(std::string_view text) {
    std::string out;
    bool line_start = true;
    for (const char c : text) {
        if (line_start && (c == '.' || c == '\'')) out += "\\&";
        line_start = c == '\n';
        if (c == '\\')
            out += "\\e";
        else if (c == '-')
            out += "\\-";
        else
            out += c;
    }
    return out;
}

/// The name of a page: "vfm-xdp".
std::string upper(std::string_view name) {
    std::string out(name);
    std::ranges::transform(out, out.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    return out;
}

/// Paragraphs divided by empty lines; line breaks inside one are spaces to roff.
std::string paragraphs(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const size_t end = text.find("\n\n");
        out += fmt::format(".PP\n{}\n", roff(text.substr(0, end)));
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 2);
    }
    return out;
}

std::string options_list(const po::options_description& visible) {
    std::string out;
    for (const OptionRow& row : option_rows(visible)) {
        const size_t begin = row.name.find_first_not_of(' ');
        out += fmt::format(".TP\n.B {}\n{}\n", roff(row.name.substr(begin)), roff(row.description));
    }
    return out;
}

std::string examples_list(const std::vector<Example>& examples) {
    std::string out;
    for (const Example& example : examples)
        out += fmt::format(".TP\n.B {}\n{}\n", roff(example.command), roff(example.what));
    return out;
}

}  // namespace

bool is_verb(const Tool& tool) { return tool.name.find(' ') != std::string_view::npos; }

std::string man_head(const Tool& tool, std::string_view synopsis) {
    std::string out = fmt::format(".TH {} 1 \"\" \"VFM {}\" \"Velocity Filter Machine\"\n",
                                  roff(upper(tool.name)), VFM_VERSION);
    out += fmt::format(".SH NAME\n{} \\- {}\n", roff(tool.name), roff(tool.summary));
    out += fmt::format(".SH SYNOPSIS\n{}", synopsis);
    if (!tool.description.empty())
        out += fmt::format(".SH DESCRIPTION\n{}", paragraphs(tool.description));
    return out;
}

std::string man_verb(const Tool& verb, const po::options_description& visible) {
    std::string out =
        fmt::format(".SS {} {}\n{}\n", roff(verb.name), roff(verb.usage), roff(verb.summary));
    out += paragraphs(verb.description);
    out += options_list(visible);
    if (!verb.examples.empty()) out += ".PP\nExamples:\n" + examples_list(verb.examples);
    return out;
}

std::string man_tail(const Tool& tool) {
    std::string out = ".SH EXIT STATUS\n";
    for (const ExitStatus& row : exit_statuses())
        out += fmt::format(".TP\n.B {}\n{}\n", static_cast<int>(row.status), roff(row.meaning));
    if (!tool.examples.empty()) out += ".SH EXAMPLES\n" + examples_list(tool.examples);
    return out;
}

std::string man_page(const Tool& tool, const po::options_description& visible) {
    const std::string synopsis = fmt::format(".B {}\n{}\n", roff(tool.name), roff(tool.usage));
    return man_head(tool, synopsis) + ".SH OPTIONS\n" + options_list(visible) + man_tail(tool);
}

}  // namespace vfm::cli
