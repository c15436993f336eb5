#include "loader/register_states.h"

#include <fmt/core.h>

#include <charconv>
#include <optional>

#include "core/base/diagnostic.h"

namespace vfm {
namespace {

constexpr size_t kStateLimit = 60;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The value of "name=" in "kind(a=1,name=2)"; empty if it is not there. A value may have a
/// name before it, as in "smin=smin32=0".
std::string_view field(std::string_view state, std::string_view name) {
    for (size_t at = state.find(name); at != state.npos; at = state.find(name, at + 1)) {
        const bool starts =
            at > 0 && (state[at - 1] == '(' || state[at - 1] == ',' || state[at - 1] == '=');
        size_t from = at + name.size();
        if (!starts || from >= state.size() || state[from] != '=') continue;
        ++from;
        const std::string_view rest = state.substr(from, state.find_first_of(",)", from) - from);
        const size_t last = rest.rfind('=');
        return last == rest.npos ? rest : rest.substr(last + 1);
    }
    return {};
}

std::string or_zero(std::string_view text) { return text.empty() ? "0" : std::string(text); }

std::string number_text(std::string_view state) {
    const std::string_view most = field(state, "umax");
    if (most.empty()) return "any number";
    const std::string_view least = field(state, "umin");
    return fmt::format("a number from {} to {}", or_zero(least), most);
}

std::string proved_text(std::string_view state) {
    const std::string range = or_zero(field(state, "r"));
    // Unsigned forms of -1 and -2: the packet has been found to end here.
    if (range.starts_with("0xffffffff") || range.starts_with("-")) return "behind the packet's end";
    return fmt::format("{} bytes proved", range);
}

std::string words_of(std::string_view state, std::string_view proved) {
    if (state.starts_with("P")) state.remove_prefix(1);
    const std::string_view kind = state.substr(0, state.find('('));
    if (kind == "scalar" || kind == "inv") return number_text(state);
    if (kind == "ctx") return "the context";
    if (kind == "pkt")
        return fmt::format(
            "a packet address {} bytes in, {}",
            field(state, "id").empty() || field(state, "id") == "0" ? or_zero(field(state, "off"))
                                                                    : "an unknown number of",
            proved.empty() ? proved_text(state) : fmt::format("{} bytes proved", proved));
    if (kind == "pkt_end") return "the packet's end";
    if (kind == "map_value_or_null") return "a map value that may be missing";
    if (kind == "map_value")
        return fmt::format("{} bytes into a map value of {}",
                           state.find("var_off") == state.npos ? or_zero(field(state, "off"))
                                                               : "an unknown number of",
                           or_zero(field(state, "vs")));
    if (kind == "map_ptr") return "a map";
    if (kind.starts_with("fp")) return fmt::format("an address in the frame, {}", kind);
    return fmt::format("{}", printable(state, kStateLimit));
}

}  // namespace

void RegisterStates::read(std::string_view line) {
    // "12: R1=ctx() R2=..." and "from 3 to 9: R0=..." show all; "12: (bf) r2 = r1 ; R2=..." those
    // that changed.
    const size_t colon = line.find(": R");
    if (colon != line.npos && line.find('(') > colon) states_ = {};
    const size_t note = line.find("; R");
    if (note == line.npos && colon == line.npos) return;
    if (note != line.npos) line.remove_prefix(note);
    for (size_t at = line.find(" R"); at != line.npos; at = line.find(" R", at + 1)) {
        unsigned number = 0;
        const auto [end, error] =
            std::from_chars(line.data() + at + 2, line.data() + line.size(), number);
        if (error != std::errc{} || number >= states_.size()) continue;
        // "R2_w=" of Linux 6.1 says that it was written.
        const auto from = static_cast<size_t>(end - line.data());
        const size_t equals = line.find('=', from);
        if (equals == line.npos || equals > from + 3) continue;
        size_t stop = equals + 1;
        for (int depth = 0; stop < line.size() && (line[stop] != ' ' || depth > 0); ++stop)
            depth += line[stop] == '(' ? 1 : line[stop] == ')' ? -1 : 0;
        states_[number] = line.substr(equals + 1, stop - equals - 1);
    }
}

std::string RegisterStates::describe(unsigned number, std::string_view proved) const {
    const std::string& state = states_[number];
    if (number == 10) return "r10 is the frame";
    if (state.empty()) return fmt::format("nothing was put into r{}", number);
    const bool is_number =
        is_digit(state[0]) || state[0] == '-' ||
        (state[0] == 'P' && state.size() > 1 && (is_digit(state[1]) || state[1] == '-'));
    if (is_number) return fmt::format("r{} is {}", number, state.substr(state[0] == 'P' ? 1 : 0));
    return fmt::format("r{} is {}", number, words_of(state, proved));
}

}  // namespace vfm
