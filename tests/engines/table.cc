#include "tests/engines/table.h"

#include <algorithm>
#include <stdexcept>

namespace vfm::test {
namespace {

std::vector<EngineKind> all_rows() {
    std::vector<EngineKind> rows(engine_kinds().begin(), engine_kinds().end());
    return rows;
}

}  // namespace

std::vector<EngineKind> test_engines() {
    std::vector<EngineKind> rows = all_rows();
    std::erase_if(rows, [](const EngineKind& row) { return row.name == "kernel"; });
    return rows;
}

std::vector<EngineKind> engines_named(std::string_view names) {
    const std::vector<EngineKind> rows = all_rows();
    std::vector<EngineKind> chosen = {rows.front()};
    while (!names.empty()) {
        const std::string_view name = names.substr(0, names.find(','));
        names.remove_prefix(std::min(names.size(), name.size() + 1));
        const auto row = std::ranges::find(rows, name, &EngineKind::name);
        if (row == rows.end()) throw std::runtime_error("no engine '" + std::string(name) + "'");
        if (row != rows.begin()) chosen.push_back(*row);
    }
    return chosen;
}

}  // namespace vfm::test
