// `flows del` and `flows clear`, and which flow tables a command line means.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loader/verbs/commands.h"

namespace vfm {

/// The name of the tables that --table means: a name is found as it is, else as the expression that
/// it is typed as. Nothing without --table.
std::optional<std::string> meant_table(const std::vector<StoredFilter>& filters,
                                       const std::optional<std::string>& typed);

/// `return no_such_table(...)`: which there are; `filters` has one at least.
std::unexpected<Failure> no_such_table(const std::vector<StoredFilter>& filters,
                                       const std::string& name);

/// `IFACE --table T KEY...`: deletes entries of one table. What is printed tells how many.
Result<> delete_keys(const CommandLine& line, const std::vector<std::string>& words);

/// `IFACE`: empties the tables that `flows` would show.
Result<> clear_tables(const CommandLine& line, const std::vector<std::string>& words);

}  // namespace vfm
