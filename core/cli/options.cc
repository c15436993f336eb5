// The command line: parsing it, and what is wrong with it in words.
#include <fmt/core.h>

#include <algorithm>
#include <cstdio>

#include "core/base/text.h"
#include "core/cli/cli.h"
#include "core/cli/page.h"

namespace vfm::cli {
namespace {

constexpr size_t kWidth = 80;

std::string see_help(const Tool& tool) { return fmt::format("{} --help says more", tool.name); }

Failure wrong_usage(const Tool& tool, std::string message, std::string hint) {
    return {Status::usage,
            Diagnostic::about(std::string(tool.name), std::move(message), std::move(hint))};
}

std::string long_name(const po::option_description& option) {
    return option.canonical_display_name(po::command_line_style::allow_long);
}

/// An unknown option as it was typed, with the nearest known one.
Failure unknown_option(const Tool& tool, const po::options_description& visible,
                       const std::string& typed) {
    std::vector<std::string> names;
    for (const auto& option : visible.options()) names.push_back(long_name(*option));
    const std::vector<std::string_view> candidates(names.begin(), names.end());
    const auto begun = std::ranges::find_if(
        candidates, [&](std::string_view name) { return name.starts_with(typed); });
    const auto near = typed.starts_with("--") && begun != candidates.end()
                          ? std::optional(*begun)
                          : nearest(typed, candidates);
    std::string hint = see_help(tool);
    if (near) hint = fmt::format("did you mean '{}'? {}", *near, hint);
    return wrong_usage(tool, fmt::format("unknown option '{}'", printable(typed)), hint);
}

Failure missing_option(const Tool& tool, const po::options_description& visible,
                       const std::string& name) {
    const std::string bare = name.substr(std::min(name.find_first_not_of('-'), name.size()));
    if (const auto* option = visible.find_nothrow(bare, false))
        return usage_error(tool, fmt::format("option '{}' is missing", long_name(*option)));
    std::string argument = bare;
    for (char& c : argument)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return usage_error(tool, fmt::format("argument {} is missing", argument));
}

/// "expects a value", "takes no value", ... for a token that broke the syntax of options.
std::string syntax_fault(const po::invalid_command_line_syntax& error) {
    using Kind = po::invalid_syntax;
    const std::string name = printable(error.get_option_name());
    switch (error.kind()) {
        case Kind::missing_parameter:
        case Kind::empty_adjacent_parameter:
            return fmt::format("option '{}' needs a value", name);
        case Kind::extra_parameter:
            return fmt::format("option '{}' takes no value", name);
        case Kind::long_not_allowed:
        case Kind::long_adjacent_not_allowed:
        case Kind::short_adjacent_not_allowed:
        case Kind::unrecognized_line:
            break;
    }
    return fmt::format("'{}' cannot be read", name);
}

/// The values, or what was wrong. Help and the like win over missing arguments.
Result<po::variables_map> parse_values(const Tool& tool, const po::options_description& visible,
                                       const po::options_description& hidden,
                                       const po::positional_options_description& positional,
                                       const std::vector<std::string>& arguments) {
    po::options_description all;
    all.add(visible).add(hidden);
    po::variables_map values;
    // Without guessing: an abbreviation that works today would change its meaning with a new
    // option.
    const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    try {
        po::store(po::command_line_parser(arguments)
                      .options(all)
                      .positional(positional)
                      .style(style)
                      .run(),
                  values);
        if (!values.contains("help") && !values.contains("version") && !values.contains("man"))
            po::notify(values);
    } catch (const po::unknown_option& error) {
        return std::unexpected(unknown_option(tool, visible, error.get_option_name()));
    } catch (const po::required_option& error) {
        return std::unexpected(missing_option(tool, visible, error.get_option_name()));
    } catch (const po::multiple_occurrences& error) {
        return std::unexpected(usage_error(
            tool, fmt::format("option '{}' is given twice", printable(error.get_option_name()))));
    } catch (const po::too_many_positional_options_error&) {
        return std::unexpected(usage_error(tool, "too many arguments"));
    } catch (const po::invalid_command_line_syntax& error) {
        return std::unexpected(usage_error(tool, syntax_fault(error)));
    } catch (const po::error& error) {
        return std::unexpected(usage_error(tool, printable(error.what(), 200)));
    }
    return values;
}

}  // namespace

Failure usage_error(const Tool& tool, std::string message) {
    return wrong_usage(tool, std::move(message), see_help(tool));
}

Result<uint64_t> number_value(const Tool& tool, std::string_view option, const std::string& text,
                              uint64_t first, uint64_t last) {
    const ParsedNumber number = parse_number(text);
    if (number.value && !number.is_ipv4 && *number.value >= first && *number.value <= last)
        return *number.value;
    return std::unexpected(
        usage_error(tool, fmt::format("option '--{}' takes a number in {}..{}, got '{}'", option,
                                      first, last, printable(text))));
}

Result<uint64_t> bytes_value(const Tool& tool, std::string_view option, const std::string& text) {
    constexpr std::string_view kUnits = "KMG";
    const size_t unit = text.empty() ? kUnits.npos : kUnits.find(text.back());
    const bool has_unit = unit != kUnits.npos;
    const unsigned shift = has_unit ? 10 * (static_cast<unsigned>(unit) + 1) : 0;
    const ParsedNumber number = parse_number(text.substr(0, text.size() - (has_unit ? 1 : 0)));
    if (number.value && !number.is_ipv4 && *number.value <= UINT64_MAX >> shift)
        return *number.value << shift;
    return std::unexpected(usage_error(
        tool, fmt::format("option '--{}' takes a number of bytes, such as 65536, 64K, 512M or 2G, "
                          "got '{}'",
                          option, printable(text))));
}

Result<size_t> choice_value(const Tool& tool, std::string_view option, std::string_view text,
                            std::span<const std::string_view> choices) {
    const auto found = std::ranges::find(choices, text);
    if (found != choices.end()) return static_cast<size_t>(found - choices.begin());
    std::string list;
    for (const std::string_view choice : choices)
        list += fmt::format("{}{}", list.empty() ? "" : ", ", choice);
    std::string hint = see_help(tool);
    if (const auto near = nearest(text, choices))
        hint = fmt::format("did you mean '{}'? {}", *near, hint);
    return std::unexpected(wrong_usage(
        tool, fmt::format("option '--{}' is one of {}, got '{}'", option, list, printable(text)),
        hint));
}

ParseOutcome parse(const Tool& tool, po::options_description visible,
                   const po::options_description& hidden,
                   const po::positional_options_description& positional,
                   const std::vector<std::string>& arguments) {
    visible.add_options()("help,h", "show this help")("version", "show the version");
    po::options_description unseen;
    unseen.add(hidden).add_options()("man", "print the man page as roff");

    auto values = parse_values(tool, visible, unseen, positional, arguments);
    if (!values) return {std::nullopt, report(values.error())};
    std::string text;
    if (values->contains("help"))
        text = help_text(tool, visible);
    else if (values->contains("version"))
        text = fmt::format("{} (VFM) {}\n", tool.name, VFM_VERSION);
    else if (values->contains("man"))
        text = is_verb(tool) ? man_verb(tool, visible) : man_page(tool, visible);
    else
        return {*std::move(values), 0};
    std::fputs(text.c_str(), stdout);
    return {std::nullopt, 0};
}

std::vector<OptionRow> option_rows(const po::options_description& options) {
    std::vector<OptionRow> rows;
    for (const auto& option : options.options()) {
        const std::string full = long_name(*option);
        const std::string brief =
            option->canonical_display_name(po::command_line_style::allow_dash_for_short);
        // Without a short name the library gives the long one.
        std::string name =
            brief.starts_with('-') && brief != full ? brief + ", " + full : "    " + full;
        if (option->semantic()->max_tokens() > 0) name += ' ' + option->format_parameter();
        rows.push_back({name, option->description()});
    }
    return rows;
}

std::vector<std::string> wrap(std::string_view text, size_t width) {
    std::vector<std::string> lines;
    std::string line;
    while (!text.empty()) {
        const size_t end = std::min(text.find_first_of(" \n"), text.size());
        const std::string_view word = text.substr(0, end);
        if (!line.empty() && line.size() + 1 + word.size() > width)
            lines.push_back(std::exchange(line, {}));
        if (!line.empty() && !word.empty()) line += ' ';
        line += word;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    if (!line.empty() || lines.empty()) lines.push_back(line);
    return lines;
}

std::string help_text(const Tool& tool, const po::options_description& visible) {
    std::string out = fmt::format("Usage: {} {}\n\n", tool.name, tool.usage);
    for (const std::string& line : wrap(tool.summary, kWidth)) out += line + '\n';

    const std::vector<OptionRow> rows = option_rows(visible);
    size_t column = 0;
    for (const OptionRow& row : rows)
        if (row.name.size() <= 30) column = std::max(column, row.name.size());
    out += "\nOptions:\n";
    for (const OptionRow& row : rows) {
        std::string begin = row.name;
        if (begin.size() > column) {
            out += fmt::format("  {}\n", begin);
            begin.clear();
        }
        for (const std::string& line : wrap(row.description, kWidth - column - 4)) {
            out += fmt::format("  {:<{}}  {}\n", begin, column, line);
            begin.clear();
        }
    }
    if (!tool.examples.empty()) out += "\nExamples:\n";
    for (const Example& example : tool.examples)
        out += fmt::format("  {}\n      {}\n", example.command, example.what);
    return out;
}

}  // namespace vfm::cli
