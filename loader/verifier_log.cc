#include "loader/verifier_log.h"

#include <array>
#include <charconv>

#include "core/base/diagnostic.h"

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

}  // namespace

VerifierComplaint read_verifier_log(std::string_view log) {
    VerifierComplaint complaint;
    while (!log.empty()) {
        const size_t end = log.find('\n');
        const std::string_view line = log.substr(0, end);
        log.remove_prefix(end == log.npos ? log.size() : end + 1);
        if (const auto insn = instruction_of(line)) {
            complaint.insn = insn;
            complaint.reason.clear();
        } else if (!is_progress(line) && complaint.reason.size() < kReasonLimit) {
            if (!complaint.reason.empty()) complaint.reason += "; ";
            complaint.reason += line;
        }
    }
    complaint.lacks_privilege = is_about_privilege(complaint.reason);
    complaint.reason = printable(complaint.reason, kReasonLimit);
    return complaint;
}

}  // namespace vfm
