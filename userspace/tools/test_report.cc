#include "userspace/tools/test_report.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "core/base/source.h"
#include "userspace/tools/test_json.h"

namespace vfm {
namespace {

constexpr size_t kLinesShown = 10;

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

void add_statistics(Json& summary, const Statistics& statistics, const Module& module) {
    for (const Timing& t : statistics.timings) {
        const auto time = [&](double value) {
            return t.packets == 0 ? Json() : Json(rounded(value));
        };
        Json& made = summary["time_ns"][t.burst == 0 ? t.engine : t.engine + "-batch"];
        made = {{"median", time(t.median)},
                {"min", time(t.min)},
                {"max", time(t.max)},
                {"passes", t.passes},
                {"packets", t.packets}};
        if (t.system_calls) made["system_calls"] = true;
    }
    for (const RuleCount& rule : rule_counts(module, statistics.rules))
        summary["rules"].push_back(rule_json(rule));
    for (const LineCount& l : statistics.lines) {
        Json line = Json::object();
        if (!module.included.empty()) line["file"] = module.file_name(l.file);
        line[module.lines.empty() ? "offset" : "line"] = l.place;
        line["hits"] = l.hits;
        line["instructions"] = l.instructions;
        summary["lines"].push_back(std::move(line));
    }
}

}  // namespace

void Tally::add(const PacketResult& result) {
    if (result.skip != Skip::none) {
        ++(result.skip == Skip::link ? skipped_link : skipped);
        return;
    }
    ++packets;
    if (result.outcome.error != ErrorKind::success)
        ++errors[error_index(result.outcome.error)];
    else
        ++(result.outcome.value != 0 ? accept : drop);
}

uint64_t Tally::failed() const {
    return std::accumulate(errors.begin(), errors.end(), uint64_t{0});
}

std::string Report::place(uint32_t offset) const {
    if (const LineEntry* const line = module_.line_entry_of(offset)) {
        const std::string file =
            line->file == 0 ? "" : printable(module_.file_name(line->file)) + ":";
        return fmt::format("{}{}:{}", file, line->position.line, line->position.column);
    }
    return fmt::format("+{:#x}", offset);
}

void Report::packet(const PacketResult& result) {
    const Outcome& outcome = result.outcome;
    const size_t length = result.packet.visible().size();
    if (json_) {
        fmt::print(out_, R"({{"packet":{},"len":{},)", result.number, length);
        if (result.skip != Skip::none)
            fmt::print(out_, "\"skipped\":\"{}\"}}\n",
                       result.skip == Skip::link ? "link" : "kernel");
        else if (outcome.error != ErrorKind::success)
            fmt::print(out_, "\"error\":\"{}\"}}\n", error_name(outcome.error));
        else
            fmt::print(out_, "\"value\":{}}}\n", outcome.value);
        return;
    }
    fmt::print(out_, "packet {:<6} len {:<6} ", result.number, length);
    if (result.skip == Skip::link)
        fmt::print(out_, "skipped: its link header states no EtherType\n");
    else if (result.skip == Skip::kernel)
        fmt::print(out_, "skipped by the kernel\n");
    else if (outcome.error == ErrorKind::success)
        fmt::print(out_, "{}  value {}\n", outcome.value != 0 ? "accept" : "drop  ", outcome.value);
    else if (result.ended_at)
        fmt::print(out_, "error   {} at {}\n", error_name(outcome.error), place(*result.ended_at));
    else
        fmt::print(out_, "error   {}\n", error_name(outcome.error));
}

void Report::summary(std::string_view engine, const Tally& tally, uint64_t refused_stores,
                     const Statistics* statistics) {
    if (json_) {
        Json summary = {{"engine", engine},
                        {"packets", tally.packets},
                        {"accept", tally.accept},
                        {"drop", tally.drop},
                        {"errors", errors_json(tally)}};
        if (statistics) add_statistics(summary, *statistics, module_);
        fmt::print(out_, "{}", line_of(summary));
        return;
    }
    fmt::print(out_, "engine   {}\npackets  {}\naccept   {}\ndrop     {}\nerrors   {}\n", engine,
               tally.packets, tally.accept, tally.drop, errors_text(tally));
    // Neither accept nor drop: what becomes of such a packet is not the filter's word.
    if (tally.failed() != 0)
        fmt::print(out_,
                   "         vfm-xdp attach lets these packets pass, with --on-error=drop it "
                   "drops them\n");
    if (tally.skipped_link != 0)
        fmt::print(out_, "skipped  {} whose link header states no EtherType\n", tally.skipped_link);
    if (tally.skipped != 0)
        fmt::print(out_, "skipped  {} that the kernel's test run does not take\n", tally.skipped);
    if (refused_stores != 0)
        fmt::print(out_, "refused  {} stores into full flow tables\n", refused_stores);
    if (!statistics) return;
    times(*statistics, tally.packets + tally.skipped);
    most_hit(statistics->rules);
    lines(statistics->lines);
}

void Report::times(const Statistics& statistics, uint64_t packets) {
    if (!statistics.all_kept)
        fmt::print(out_, "timed    the first {} packets of {}, which is what {} MiB hold\n",
                   statistics.kept, packets, kMostStored >> 20);
    for (const Timing& t : statistics.timings) {
        if (t.packets == 0) {
            fmt::print(out_, "time     none in {}: there was no packet for it\n", t.engine);
            continue;
        }
        const std::string how = t.burst != 0     ? fmt::format(", bursts of {}", t.burst)
                                : t.system_calls ? ", system calls included"
                                                 : "";
        fmt::print(out_,
                   "time     {:.1f} ns a packet in {}{} (least {:.1f}, most {:.1f}; {} passes over "
                   "{} packets)\n",
                   t.median, t.engine, how, t.min, t.max, t.passes, t.packets);
    }
}

void Report::lines(std::span<const LineCount> all) {
    if (all.empty()) return;
    const bool by_line = !module_.lines.empty();
    const std::string_view noun = by_line ? "lines" : "blocks";
    const auto shown = all.first(std::min(all.size(), kLinesShown));
    std::vector<SourceFile> sources = {{module_.source_name, module_.source_text}};
    for (const SourceText& text : module_.included) sources.emplace_back(text.name, text.text);
    const auto named = [&](const LineCount& l) {
        if (!by_line) return place(l.place);
        if (l.file == 0) return fmt::format("line {:<4}", l.place);
        return fmt::format("line {}:{}", printable(sources[l.file].name()), l.place);
    };
    size_t hits = 1;
    for (const LineCount& l : shown) hits = std::max(hits, std::to_string(l.hits).size());
    const size_t instructions = std::to_string(shown.front().instructions).size();
    fmt::print(out_, "{:<8} counted by the interpreter, those that ran most first\n", noun);
    for (const LineCount& l : shown) {
        const std::string text = by_line ? line_text(sources[l.file].line(l.place)) : "";
        fmt::print(out_, "{}  {:>{}} hits, {:>{}} instructions{}{}\n", named(l), l.hits, hits,
                   l.instructions, instructions, text.empty() ? "" : "  ", text);
    }
    if (shown.size() == all.size()) return;
    uint64_t rest = 0;
    for (const LineCount& l : all.subspan(shown.size())) rest += l.instructions;
    fmt::print(out_, "... and {} more {} with {} instructions, which --json shows\n",
               all.size() - shown.size(), noun, rest);
}

std::vector<Diagnostic> explain(const Disagreement& d, const Filter& filter, uint64_t number) {
    const std::string what =
        fmt::format("engines disagree on packet {}: {} gives {}, {} gives {}", number,
                    d.first_engine, result_text(d.first), d.second_engine, result_text(d.second));
    std::vector<Diagnostic> all = {Diagnostic::about(filter.name, what)};
    if (d.ended_at) {
        all.front() = locate(filter, *d.ended_at, what);
        all.front().hint = fmt::format("the place is where the run of {} ended", d.first_engine);
    }
    if (!d.full_table.empty()) {
        all.push_back(Diagnostic::about(
            filter.name,
            fmt::format("flow table '{}' is full: engines may evict different entries",
                        printable(d.full_table)),
            "give it room for all flows of this capture (capacity) to compare the engines"));
        all.back().severity = Severity::note;
    }
    return all;
}

std::string hex_dump(ByteView bytes) {
    constexpr size_t kRowBytes = 16;
    std::string out;
    ByteView before;
    bool left_out = false;
    for (size_t at = 0; at < bytes.size(); at += kRowBytes) {
        const ByteView row = bytes.subspan(at, std::min(kRowBytes, bytes.size() - at));
        const bool last = at + kRowBytes >= bytes.size();
        if (!last && std::ranges::equal(row, before)) {
            if (!std::exchange(left_out, true)) out += "*\n";
            continue;
        }
        before = row;
        left_out = false;
        std::string text;
        for (const uint8_t byte : row)
            text += byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : '.';
        out += fmt::format("{:04x}  {:<47}  {}\n", at, hex(row), text);
    }
    return out;
}

}  // namespace vfm
