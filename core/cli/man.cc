#include <fmt/core.h>

#include <string>

#include "core/cli/exit_status.h"
#include "core/cli/page.h"
#include "core/cli/roff.h"

namespace vfm::cli {
namespace {

void add_options(Page& page, const po::options_description& visible) {
    for (const OptionRow& row : option_rows(visible))
        page.item(std::string_view(row.name).substr(row.name.find_first_not_of(' ')),
                  row.description);
}

void add_examples(Page& page, const std::vector<Example>& examples) {
    for (const Example& example : examples) page.item(example.command, example.what);
}

}  // namespace

bool is_verb(const Tool& tool) { return tool.name.find(' ') != std::string_view::npos; }

std::string man_head(const Tool& tool, std::string_view synopsis) {
    Page page(tool.name, 1, tool.summary);
    page.section("SYNOPSIS").raw(synopsis);
    if (!tool.description.empty()) page.section("DESCRIPTION").paragraphs(tool.description);
    return page.text();
}

std::string man_verb(const Tool& verb, const po::options_description& visible) {
    Page page;
    page.subsection(fmt::format("{} {}", verb.name, verb.usage));
    page.raw(roff(verb.summary) + "\n").paragraphs(verb.description);
    add_options(page, visible);
    if (!verb.examples.empty()) page.raw(".PP\nExamples:\n");
    add_examples(page, verb.examples);
    return page.text();
}

std::string man_tail(const Tool& tool) {
    Page page;
    page.section("EXIT STATUS");
    for (const ExitStatus& row : exit_statuses())
        page.item(std::to_string(static_cast<int>(row.status)), row.meaning);
    if (!tool.examples.empty()) page.section("EXAMPLES");
    add_examples(page, tool.examples);
    return page.text();
}

std::string man_page(const Tool& tool, const po::options_description& visible) {
    Page page;
    page.raw(man_head(tool, fmt::format(".B {}\n{}\n", roff(tool.name), roff(tool.usage))));
    page.section("OPTIONS");
    add_options(page, visible);
    return page.raw(man_tail(tool)).text();
}

}  // namespace vfm::cli
