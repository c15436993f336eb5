#include "tests/bench/flow_report.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace vfm::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Ratio {
    size_t entries;
    std::string keys;
    double single, ahead, best;
};

/// Our time over that of the best of boost and absl, for every size and way of drawing keys.
std::vector<Ratio> ratios(const FlowReport& report) {
    std::vector<Ratio> all;
    for (const FlowRow& own : report.rows) {
        if (own.table != kOwnTable) continue;
        double single = 0, ahead = 0;
        const auto take = [](double& best, double time) {
            if (best == 0 || time < best) best = time;
        };
        for (const FlowRow& row : report.rows) {
            if (row.entries != own.entries || row.keys != own.keys) continue;
            if (!row.table.starts_with("boost") && !row.table.starts_with("absl")) continue;
            take(single, row.add.median);
            take(ahead, std::min(row.add.median, row.ahead.value_or(row.add).median));
        }
        if (single == 0) continue;
        const double own_ahead = own.ahead.value_or(own.add).median;
        all.push_back({own.entries, own.keys, own.add.median / single, own_ahead / ahead,
                       std::min(own.add.median, own_ahead) / ahead});
    }
    return all;
}

std::string cell(const Time& time) {
    return fmt::format("{:.1f} ({:.1f})", time.median, time.least);
}

Json json(const Time& time) { return {{"median", time.median}, {"min", time.least}}; }

}  // namespace

std::string as_table(const FlowReport& report) {
    std::string text =
        "ns per operation: median (min). add: lookup + add, one by one; ahead: with prefetch for "
        "the\n"
        "operations to come; fill: a new key, growth included; B: bytes of memory per entry\n\n";
    text += fmt::format("{:>8} {:7} {:25} {:>13} {:>13} {:>13} {:>13} {:>13} {:>5}\n", "entries",
                        "keys", "table", "add", "ahead", "lookup", "fill", "remove", "B");
    for (const FlowRow& row : report.rows)
        text += fmt::format("{:>8} {:7} {:25} {:>13} {:>13} {:>13} {:>13} {:>13} {:>5.1f}\n",
                            row.entries, row.keys, row.table, cell(row.add),
                            row.ahead ? cell(*row.ahead) : "-", cell(row.look), cell(row.fill),
                            cell(row.remove), row.bytes);
    text += fmt::format("\n{:>8} {:7} {}\n", "entries", "keys",
                        "vfm / best of boost and absl: add, ahead, the better");
    for (const Ratio& ratio : ratios(report))
        text += fmt::format("{:>8} {:7} {:.2f} {:.2f} {:.2f}\n", ratio.entries, ratio.keys,
                            ratio.single, ratio.ahead, ratio.best);
    text += fmt::format("\n{:>8} {:>15} {:>15}\n", "entries", "evict + add", "age, an entry");
    for (const UpkeepRow& row : report.upkeep)
        text += fmt::format("{:>8} {:>15} {:>15}\n", row.entries, cell(row.evict), cell(row.age));
    for (const std::string& rival : report.missing) text += fmt::format("\nnot here: {}\n", rival);
    return text;
}

std::string as_json(const FlowReport& report) {
    Json rows = Json::array(), upkeep = Json::array(), summary = Json::array();
    for (const FlowRow& row : report.rows) {
        Json line = {{"entries", row.entries},     {"keys", row.keys},
                     {"table", row.table},         {"add", json(row.add)},
                     {"lookup", json(row.look)},   {"fill", json(row.fill)},
                     {"remove", json(row.remove)}, {"bytes_per_entry", row.bytes}};
        if (row.ahead) line["ahead"] = json(*row.ahead);
        rows.push_back(line);
    }
    for (const UpkeepRow& row : report.upkeep)
        upkeep.push_back(
            {{"entries", row.entries}, {"evict", json(row.evict)}, {"age", json(row.age)}});
    for (const Ratio& ratio : ratios(report))
        summary.push_back({{"entries", ratio.entries},
                           {"keys", ratio.keys},
                           {"single", ratio.single},
                           {"ahead", ratio.ahead},
                           {"best", ratio.best}});
    const Json all = {
        {"rows", rows}, {"upkeep", upkeep}, {"summary", summary}, {"missing", report.missing}};
    return all.dump(1) + "\n";
}

}  // namespace vfm::bench
