#include "userspace/tools/test_report.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace vfm {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kLinesShown = 10;

/// Names come from files: what is no UTF-8 is replaced, never an exception.
std::string line_of(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string result_text(const Outcome& outcome) {
    return outcome.error == ErrorKind::success ? fmt::format("value {}", outcome.value)
                                               : std::string(error_name(outcome.error));
}

/// "BOUNDS 3, LIMIT 1"
std::string errors_text(const Tally& tally) {
    std::string out;
    for (unsigned i = 1; i < kErrorKinds; ++i) {
        if (tally.errors[i] == 0) continue;
        const auto kind = static_cast<ErrorKind>(-static_cast<int>(i));
        out += fmt::format("{}{} {}", out.empty() ? "" : ", ", error_name(kind), tally.errors[i]);
    }
    return out.empty() ? "none" : out;
}

Json errors_json(const Tally& tally) {
    Json out = Json::object();
    for (unsigned i = 1; i < kErrorKinds; ++i)
        if (tally.errors[i] != 0)
            out[std::string(error_name(static_cast<ErrorKind>(-static_cast<int>(i))))] =
                tally.errors[i];
    return out;
}

/// To a tenth: a clock says no more.
double rounded(double nanoseconds) { return std::round(nanoseconds * 10) / 10; }

}  // namespace

void Tally::add(const Outcome& outcome) {
    if (outcome.skipped) {
        ++skipped;
        return;
    }
    ++packets;
    if (outcome.error != ErrorKind::success)
        ++errors[error_index(outcome.error)];
    else
        ++(outcome.value != 0 ? accept : drop);
}

std::string Report::place(uint32_t offset) const {
    if (const auto position = module_.position_of(offset))
        return fmt::format("{}:{}", position->line, position->column);
    return fmt::format("+{:#x}", offset);
}

void Report::packet(uint64_t number, size_t length, const Outcome& outcome,
                    std::optional<uint32_t> ended_at) {
    if (json_) {
        fmt::print(out_, R"({{"packet":{},"len":{},)", number, length);
        if (outcome.skipped)
            fmt::print(out_, "\"skipped\":\"kernel\"}}\n");
        else if (outcome.error != ErrorKind::success)
            fmt::print(out_, "\"error\":\"{}\"}}\n", error_name(outcome.error));
        else
            fmt::print(out_, "\"value\":{}}}\n", outcome.value);
        return;
    }
    fmt::print(out_, "packet {:<6} len {:<6} ", number, length);
    if (outcome.skipped)
        fmt::print(out_, "skipped by the kernel\n");
    else if (outcome.error == ErrorKind::success)
        fmt::print(out_, "{}  value {}\n", outcome.value != 0 ? "accept" : "drop  ", outcome.value);
    else if (ended_at)
        fmt::print(out_, "error   {} at {}\n", error_name(outcome.error), place(*ended_at));
    else
        fmt::print(out_, "error   {}\n", error_name(outcome.error));
}

void Report::flows(std::vector<FlowEntry> entries) {
    std::ranges::sort(entries);
    const std::vector<TableDecl> tables = module_.effective_tables();
    for (const FlowEntry& entry : entries) {
        const TableDecl& table = tables[entry.table];
        if (json_)
            fmt::print(
                out_, "{}",
                line_of({{"table", table.name}, {"key", entry.key}, {"value", entry.value}}));
        else
            fmt::print(out_, "flow {}  {}  {}\n", printable(table.name),
                       key_text(table.key, entry.key), entry.value);
    }
}

void Report::summary(std::string_view engine, const Tally& tally, uint64_t refused_stores,
                     std::span<const Timing> timings, std::span<const LineCount> lines) {
    const bool by_line = !module_.lines.empty();
    lines = lines.first(std::min(lines.size(), kLinesShown));
    if (json_) {
        Json summary = {{"engine", engine},
                        {"packets", tally.packets},
                        {"accept", tally.accept},
                        {"drop", tally.drop},
                        {"errors", errors_json(tally)}};
        for (const Timing& t : timings)
            summary["time_ns"][t.burst == 0 ? t.engine : t.engine + "-batch"] = {
                {"median", rounded(t.median)}, {"min", rounded(t.min)}, {"max", rounded(t.max)}};
        for (const LineCount& l : lines)
            summary["lines"].push_back({{by_line ? "line" : "offset", l.place},
                                        {"hits", l.hits},
                                        {"instructions", l.instructions}});
        fmt::print(out_, "{}", line_of(summary));
        return;
    }
    fmt::print(out_, "engine   {}\npackets  {}\naccept   {}\ndrop     {}\nerrors   {}\n", engine,
               tally.packets, tally.accept, tally.drop, errors_text(tally));
    if (tally.skipped != 0)
        fmt::print(out_, "skipped  {} that the kernel's test run does not take\n", tally.skipped);
    if (refused_stores != 0)
        fmt::print(out_, "refused  {} stores into full flow tables\n", refused_stores);
    for (const Timing& t : timings)
        fmt::print(out_,
                   "time     {:.1f} ns a packet in {}{} (least {:.1f}, most {:.1f}; {} passes)\n",
                   t.median, t.engine, t.burst == 0 ? "" : fmt::format(", bursts of {}", t.burst),
                   t.min, t.max, t.passes);
    for (const LineCount& l : lines)
        fmt::print(out_, "{}  {} hits, {} instructions\n",
                   by_line ? fmt::format("line {:<4}", l.place) : place(l.place), l.hits,
                   l.instructions);
}

std::vector<Diagnostic> explain(const Disagreement& d, const Filter& filter, uint64_t number) {
    const std::string what =
        fmt::format("engines disagree on packet {}: {} gives {}, {} gives {}", number,
                    d.first_engine, result_text(d.first), d.second_engine, result_text(d.second));
    if (!d.ended_at) return {Diagnostic::about(filter.name, what)};
    Diagnostic at = locate(filter, *d.ended_at, what);
    at.hint = fmt::format("the place is where the run of {} ended", d.first_engine);
    return {at};
}

std::string hex_dump(ByteView bytes) {
    constexpr size_t kWidth = 16;
    std::string out;
    for (size_t at = 0; at < bytes.size(); at += kWidth) {
        const ByteView row = bytes.subspan(at, std::min(kWidth, bytes.size() - at));
        std::string text;
        for (const uint8_t byte : row)
            text += byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : '.';
        out += fmt::format("{:04x}  {:<47}  {}\n", at, hex(row), text);
    }
    return out;
}

}  // namespace vfm
