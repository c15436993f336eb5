#include "loader/verbs/set_values.h"

#include <fmt/core.h>

#include <utility>

#include "core/base/text.h"
#include "core/tables/wide.h"

namespace vfm {

Result<lisp::DeclaredSet> parse_members(std::shared_ptr<const SourceFile> text) {
    lisp::ErrorList errors(text);
    lisp::SetInfo set;
    lisp::read_set(std::move(text), set, errors);
    if (errors.has_errors()) return std::unexpected(Failure(Status::rejected, errors.take()));
    lisp::normalise(set);
    return lisp::declare(set);
}

std::optional<std::vector<SetMember>> widen(const SetDecl& members, unsigned width) {
    std::vector<SetMember> out;
    out.reserve(members.members.size());
    for (SetMember member : members.members) {
        if (width < members.width) {
            // Only those whose greatest key fits: its prefix begins with the bits that are too
            // many.
            const WideKey last =
                prefix_range(wide_key(member.hi, member.lo), member.length, members.width).last;
            if (last > greatest_of(width)) return std::nullopt;
        }
        member.length = static_cast<uint8_t>(member.length + width - members.width);
        out.push_back(member);
    }
    return out;
}

std::string member_text(const SetMember& member, unsigned width) {
    const bool single = member.length == width;
    if (width == 128) {
        const std::string address = ipv6_text({member.hi, member.lo});
        return single ? address : fmt::format("{}/{}", address, member.length);
    }
    // What fits into 16 bits is a port or the like, what fits into no more than 32 an address.
    if (width == 32 && (!single || member.lo > UINT16_MAX)) {
        const std::string address = ipv4_text(static_cast<uint32_t>(member.lo));
        return single ? address : fmt::format("{}/{}", address, member.length);
    }
    if (single) return fmt::format("{}", member.lo);
    const auto last = prefix_range(member.lo, member.length, width).last;
    return fmt::format("(range {} {})", member.lo, static_cast<uint64_t>(last));
}

}  // namespace vfm
