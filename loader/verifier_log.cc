#include "loader/verifier_log.h"

#include <array>
#include <charconv>

#include "core/base/diagnostic.h"
#include "loader/register_states.h"

namespace vfm {
namespace {

constexpr size_t kReasonLimit = 240;

/// "12: (07) r2 += 14 ; R2=..." gives 12; "12: R1=ctx()" is a state and gives nothing.
std::optional<uint32_t> instruction_of(std::string_view line) {
    uint32_t number = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
    if (error != std::errc{}) return std::nullopt;
    const std::string_view rest(end, static_cast<size_t>(line.data() + line.size() - end));
    return rest.starts_with(": (") ? std::optional(number) : std::nullopt;
}

/// Lines that tell of progress, not of the complaint.
bool is_progress(std::string_view line) {
    if (line.starts_with("Func#") && line.ends_with(" is global and assumed valid.")) return true;
    constexpr std::array<std::string_view, 12> kPrefixes = {
        "processed ",   "verification time ", "stack depth ", "from ", ";",       "func#",
        "propagating ", "mark_precise",       "last_idx",     "regs=", "parent ", "safe"};
    for (const std::string_view prefix : kPrefixes)
        if (line.starts_with(prefix)) return true;
    const size_t digits = line.find_first_not_of("0123456789");
    return line.empty() || (digits > 0 && digits != line.npos && line.substr(digits, 1) == ":");
}

/// Rules that hold only for those without CAP_PERFMON.
bool is_about_privilege(std::string_view reason) {
    constexpr std::array<std::string_view, 4> kParts = {
        "for !root", "pointer comparison prohibited", "leaks addr", "corrupt spilled pointer"};
    for (const std::string_view part : kParts)
        if (reason.find(part) != reason.npos) return true;
    return false;
}

constexpr std::string_view kSmaller =
    "put addresses into sets and chains of conditions into rules, or run it in user space: "
    "--mode=userspace";
constexpr std::string_view kFewerTurns =
    "let the loop make fewer turns, or run it in user space: --mode=userspace";
constexpr std::string_view kNewer =
    "a newer kernel takes it, as may user space: `vfm-xdp doctor`, --mode=userspace";
constexpr std::string_view kOurs =
    "this is a mistake of vfm, not of the filter: please report it with -v; user space takes it: "
    "--mode=userspace";

struct KnownComplaint {
    std::string_view part, meaning, advice;
};
constexpr KnownComplaint kKnown[] = {
#define COMPLAINT(part, meaning, advice) {part, meaning, advice},
#include "loader/complaints.def"
#undef COMPLAINT
};

/// The registers that a reason names: "R2 offset is outside of the packet".
std::string values_of(std::string_view reason, const RegisterStates& states) {
    std::string text;
    unsigned seen = 0;
    for (size_t at = reason.find('R'); at != reason.npos; at = reason.find('R', at + 1)) {
        unsigned number = 0;
        const auto [end, error] =
            std::from_chars(reason.data() + at + 1, reason.data() + reason.size(), number);
        const bool is_word = at == 0 || reason[at - 1] == ' ';
        if (error != std::errc{} || !is_word || number > 10 || (seen >> number & 1)) continue;
        seen |= 1U << number;
        if (!text.empty()) text += ", ";
        // "R2(id=0,off=14,r=14)": how far the packet is proved.
        const std::string_view rest(end, static_cast<size_t>(reason.data() + reason.size() - end));
        const size_t range =
            rest.starts_with('(') ? rest.substr(0, rest.find(')')).find(",r=") : rest.npos;
        text += states.describe(number, range == rest.npos
                                            ? std::string_view{}
                                            : rest.substr(range + 3, rest.find(')') - range - 3));
    }
    return text;
}

}  // namespace

std::string_view text_of_log(std::string_view memory) {
    if (memory.starts_with('\0')) memory.remove_prefix(1);
    return memory.substr(0, memory.find('\0'));
}

VerifierComplaint read_verifier_log(std::string_view log) {
    VerifierComplaint complaint;
    RegisterStates states;
    while (!log.empty()) {
        const size_t end = log.find('\n');
        const std::string_view line = log.substr(0, end);
        log.remove_prefix(end == log.npos ? log.size() : end + 1);
        states.read(line);
        if (const auto insn = instruction_of(line)) {
            complaint.insn = insn;
            complaint.reason.clear();
        } else if (!is_progress(line) && complaint.reason.size() < kReasonLimit) {
            if (!complaint.reason.empty()) complaint.reason += "; ";
            complaint.reason += line;
        }
    }
    complaint.lacks_privilege = is_about_privilege(complaint.reason);
    for (const KnownComplaint& known : kKnown) {
        if (complaint.reason.find(known.part) == std::string::npos) continue;
        complaint.meaning = known.meaning;
        complaint.advice = known.advice;
        break;
    }
    complaint.values = printable(values_of(complaint.reason, states), kReasonLimit);
    complaint.reason = printable(complaint.reason, kReasonLimit);
    return complaint;
}

}  // namespace vfm
