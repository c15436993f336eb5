// The two texts that a tool's tables turn into: its --help and its man page.
#pragma once

#include <string>

#include "core/cli/cli.h"

namespace vfm::cli {

/// An option as people write it: "-o, --output OUT", "    --json".
struct OptionRow {
    std::string name;
    std::string description;
};
std::vector<OptionRow> option_rows(const po::options_description& options);

/// Usage, summary, options, examples. Lines of at most 80 columns where words allow.
std::string help_text(const Tool& tool, const po::options_description& visible);

/// `text` in lines of at most `width` columns, broken between words.
std::vector<std::string> wrap(std::string_view text, size_t width);

/// One page of section 1 in roff.
std::string man_page(const Tool& tool, const po::options_description& visible);

/// What the page of a tool with verbs is made of: its head, a section for each verb, its tail.
std::string man_head(const Tool& tool, std::string_view synopsis);
std::string man_verb(const Tool& verb, const po::options_description& visible);
std::string man_tail(const Tool& tool);

/// True for a Tool that is a verb of another ("vfm-xdp attach").
bool is_verb(const Tool& tool);

}  // namespace vfm::cli
