// What all tools have in common: options and their help, man pages from the same tables, exit
// status, colour, and the last line of defence around main().
#pragma once

#include <boost/program_options.hpp>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace vfm::cli {

namespace po = boost::program_options;

/// An example of the help and the man page.
struct Example {
    std::string_view command;
    std::string_view what;
};

/// A tool, or one verb of a tool ("vfm-xdp attach").
struct Tool {
    std::string_view name;
    std::string_view usage;        ///< after the name: "[OPTIONS] IN -o OUT"
    std::string_view summary;      ///< one sentence
    std::string_view description;  ///< paragraphs for the man page, separated by empty lines
    std::vector<Example> examples;
};

/// Parses the command line. -h/--help, --version and the hidden --man (the page as roff) print on
/// stdout and give an empty optional with `status` 0; wrong usage prints what was found and what
/// was expected on stderr and gives an empty optional with `status` 2. `visible` gets help and
/// version added. Options may stand before and after positional arguments; `-` is one of those.
/// An option or positional argument with `required()` that is missing is wrong usage.
struct ParseOutcome {
    std::optional<po::variables_map> values;
    int status = 0;
};
ParseOutcome parse(const Tool& tool, po::options_description visible,
                   const po::options_description& hidden,
                   const po::positional_options_description& positional,
                   const std::vector<std::string>& arguments);

/// A wrong-usage failure: prints as `TOOL: error: WHAT` with a pointer to --help; status 2.
Failure usage_error(const Tool& tool, std::string message);

/// The value of an option that was read as text: a number (decimal, 0x or 0b) in first..last.
/// `option` is its long name without dashes. (Boost would take -1 for 2^64-1.) Anything else is a
/// usage_error().
Result<uint64_t> number_value(const Tool& tool, std::string_view option, const std::string& text,
                              uint64_t first, uint64_t last);
/// The value of an option that is an amount of bytes: a number, K, M or G (of 1024) behind it or
/// not. Anything else is a usage_error().
Result<uint64_t> bytes_value(const Tool& tool, std::string_view option, const std::string& text);
/// The value of an option that is one of some words: its index. Anything else is a usage_error()
/// that lists them and suggests the nearest.
Result<size_t> choice_value(const Tool& tool, std::string_view option, std::string_view text,
                            std::span<const std::string_view> choices);

/// Diagnostics on stderr, coloured if that is a terminal and NO_COLOR is unset.
void report(const std::vector<Diagnostic>& diagnostics);
/// The same and the failure's exit status.
int report(const Failure& failure);
/// The same; with `json` the first rejected program of the failure also goes to stdout, as the line
/// of rejection_json().
int report(const Failure& failure, bool json);

/// `{"error":"STACK_UNDERFLOW","offset":72,"mnemonic":"JGT","reason":"..."}`, no newline.
std::string rejection_json(const Diagnostic& rejection);

/// True if `fd` is a terminal that can show colours and NO_COLOR is unset or empty.
bool use_colour(int fd);

/// True once the reader of stdout has gone: a tool that prints without end should stop.
bool stdout_closed();

/// Runs a tool: arguments without argv[0]. An exception that reaches it is a bug of ours (exit 5),
/// out of memory is 3; a broken pipe on stdout ends quietly; unwritten stdout (full disk) is 3.
int run_main(int argc, char** argv,
             const std::function<int(const std::vector<std::string>&)>& tool);

}  // namespace vfm::cli
