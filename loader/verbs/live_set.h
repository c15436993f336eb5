// The live set that a command line means, and what is to become of it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "loader/stored_set.h"
#include "loader/verbs/commands.h"

namespace vfm {

/// A live set of a filter: in the program it is one for numbers, which IPv4 addresses are, and one
/// for IPv6 addresses if the filter asks for them.
struct FoundSet {
    struct Part {
        size_t number = 0;
        unsigned width = 0;
    };
    StoredFilter filter;
    Module module;
    std::string name;
    std::optional<Part> numbers, addresses;
};

/// The one that IFACE, SET, --name and --hook mean. Fails with Status::refused where there is none,
/// Status::usage where there are several.
Result<FoundSet> the_set(const CommandLine& line);

/// Values as they were given, for each part of a set.
struct GivenMembers {
    std::vector<SetMember> numbers, addresses;
};
/// Fails with Status::rejected at what is no value, Status::refused at one that the set cannot
/// hold.
Result<GivenMembers> given_members(const FoundSet& set, std::shared_ptr<const SourceFile> text);

struct GivenChange {
    SetChange::Kind kind = SetChange::Kind::add;
    GivenMembers members;
    uint64_t expires = kNever;
};
/// One after the other; returns when packets are judged by them. Needs the lock. Fails with
/// Status::refused.
Result<> change_set(const FoundSet& set, std::span<const GivenChange> changes);

/// Nanoseconds of a time such as 10m or, as others write it, 3h59m58.5s; nothing if it is none.
std::optional<uint64_t> time_span(std::string_view text);

}  // namespace vfm
