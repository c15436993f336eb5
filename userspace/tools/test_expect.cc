#include "userspace/tools/test_expect.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <span>

#include "core/base/io.h"
#include "core/base/text.h"
#include "core/run/verdict.h"

namespace vfm {
namespace {

constexpr std::string_view kRules = "rules";  // the group that a file speaks of
constexpr std::string_view kBetweenWords = " \t\r\v\f";

/// One line of the file, read from its front.
class Line {
  public:
    Line(std::string_view text, uint32_t begin) : text_(text), begin_(begin) {}

    /// The next word; empty behind the last.
    std::string_view word() {
        skip();
        const size_t end = std::min(text_.find_first_of(kBetweenWords, at_), text_.size());
        last_ = {at(at_), at(end)};
        const std::string_view found = text_.substr(at_, end - at_);
        at_ = end;
        return found;
    }
    /// What is left, without blanks around it.
    std::string_view rest() {
        skip();
        const size_t end = text_.find_last_not_of(kBetweenWords) + 1;
        const std::string_view found = end > at_ ? text_.substr(at_, end - at_) : "";
        last_ = {at(at_), at(at_ + found.size())};
        return found;
    }
    /// Where the last one stands.
    Span span() const { return last_; }

  private:
    void skip() { at_ = std::min(text_.find_first_not_of(kBetweenWords, at_), text_.size()); }
    uint32_t at(size_t offset) const { return begin_ + static_cast<uint32_t>(offset); }

    std::string_view text_;
    uint32_t begin_;
    size_t at_ = 0;
    Span last_;
};

bool is_verdict(std::string_view word) {
    if (word == "drop" || word == "pass" || word == "log") return true;
    for (unsigned i = 1; i < kErrorKinds; ++i)
        if (word == error_name(static_cast<ErrorKind>(-static_cast<int>(i)))) return true;
    return false;
}

const CounterGroup* rules_of(const Module& module) {
    const auto found = std::ranges::find(module.counter_groups, kRules, &CounterGroup::name);
    return found == module.counter_groups.end() ? nullptr : &*found;
}

/// A number or a name.
std::optional<uint32_t> find_rule(const CounterGroup& rules, std::string_view text) {
    if (const auto number = parse_number(text); number.value && !number.is_ipv4)
        if (*number.value < rules.counters.size()) return static_cast<uint32_t>(*number.value);
    const auto named = std::ranges::find(rules.counters, text, &CounterPlace::name);
    if (named == rules.counters.end()) return {};
    return static_cast<uint32_t>(named - rules.counters.begin());
}

class ExpectedFile {
  public:
    ExpectedFile(const std::shared_ptr<const SourceFile>& file, const Module& module)
        : file_(file), module_(module) {}

    Result<std::vector<Expected>> read() {
        const std::string_view text = file_->text();
        uint32_t line = 1;
        for (size_t begin = 0; begin < text.size(); ++line) {
            const size_t end = std::min(text.find('\n', begin), text.size());
            const std::string_view whole = text.substr(begin, end - begin);
            one(Line(whole.substr(0, whole.find('#')), static_cast<uint32_t>(begin)), line);
            begin = end + 1;
        }
        if (!errors_.empty()) return fail(std::move(errors_));
        std::ranges::sort(all_, {}, &Expected::packet);
        return std::move(all_);
    }

  private:
    void wrong(Span span, std::string message) {
        errors_.push_back(Diagnostic::at(file_, span, std::move(message)));
    }

    void one(Line line, uint32_t number) {
        const std::string_view packet = line.word();
        if (packet.empty()) return;
        Expected out;
        out.line = number;
        const auto value = parse_number(packet);
        if (!value.value || value.is_ipv4 || *value.value == 0)
            return wrong(line.span(), fmt::format("expected the number of a packet, from 1, found "
                                                  "{}",
                                                  printable(packet)));
        out.packet = *value.value;
        const auto [at, first] = lines_.emplace(out.packet, number);
        if (!first)
            return wrong(line.span(), fmt::format("a second line for packet {}: the first is {}",
                                                  out.packet, at->second));
        out.verdict = line.word();
        if (!is_verdict(out.verdict))
            return wrong(line.span(), "expected drop, pass, log or the name of an error, found " +
                                          (out.verdict.empty() ? "the end of the line"
                                                               : printable(out.verdict)));
        out.rule_text = line.rest();
        if (!out.rule_text.empty() && !find(out, line.span())) return;
        all_.push_back(std::move(out));
    }

    bool find(Expected& out, Span span) {
        const CounterGroup* rules = rules_of(module_);
        if (!rules) {
            wrong(span, "the filter has no rules");
            return false;
        }
        out.rule = find_rule(*rules, out.rule_text);
        if (!out.rule)
            wrong(span, fmt::format("no rule has this number or name: the group `{}` has the rules "
                                    "1 to {} and 0, the default",
                                    kRules, rules->counters.size() - 1));
        return out.rule.has_value();
    }

    std::shared_ptr<const SourceFile> file_;
    const Module& module_;
    std::vector<Expected> all_;
    std::map<uint64_t, uint32_t> lines_;  // by packet
    std::vector<Diagnostic> errors_;
};

}  // namespace

Result<std::vector<Expected>> parse_expected(const std::shared_ptr<const SourceFile>& text,
                                             const Module& module) {
    return ExpectedFile(text, module).read();
}

Result<Expectations> Expectations::load(const std::string& path, const Filter& filter,
                                        const VerifiedModule& program, std::FILE* out, bool json) {
    Expectations expectations(out, json);
    const auto text = std::make_shared<const SourceFile>(display_name(path), TRY(read_text(path)));
    expectations.all_ = TRY(parse_expected(text, program.module()));
    const auto has_rule = [](const Expected& line) { return line.rule.has_value(); };
    if (std::ranges::any_of(expectations.all_, has_rule)) {
        expectations.runs_ = TRY(TracedRuns::make(filter, program));
        expectations.texts_ = std::make_unique<StepTexts>(expectations.runs_->program());
    }
    return expectations;
}

void Expectations::at(const PacketResult& result) {
    packets_ = result.number;
    const bool asked = next_ < all_.size() && all_[next_].packet == result.number;
    const bool judged = result.skip == Skip::none;
    const bool wants_rule = asked && all_[next_].rule;
    if (runs_ && judged && !wants_rule && !runs_->is_stateless()) runs_->run(result.packet);
    if (runs_ && judged && wants_rule) runs_->trace(result.packet);
    if (asked) compare(all_[next_++], result);
}

void Expectations::compare(const Expected& expected, const PacketResult& result) {
    if (result.skip != Skip::none) return report(expected, &result, "skipped", nullptr);
    const std::string_view got = verdict_name(Verdict::of(result.outcome));
    if (!expected.rule) {
        if (got != expected.verdict) report(expected, &result, got, nullptr);
        return;
    }
    const auto rule = last_rule(*texts_, kRules, runs_->steps());
    if (got == expected.verdict && rule == expected.rule) return;
    const Decision decision = decision_of(*texts_, runs_->steps());
    report(expected, &result, got, &decision);
}

void Expectations::report(const Expected& expected, const PacketResult* result,
                          std::string_view got, const Decision* decision) {
    failed_ = true;
    if (json_) {
        Json line{{"packet", expected.packet},
                  {"expected", expected.verdict},
                  {"expected_rule", expected.rule ? Json(expected.rule_text) : Json()},
                  {"got", result ? Json(got) : Json()}};
        if (decision && decision->rules) {
            line["rules"] = decision->rules->name;
            line["rule"] = decision->rule;
        }
        if (decision && decision->line != 0) {
            line["file"] = decision->file;
            line["line"] = decision->line;
        }
        fmt::print(out_, "{}", line_of(line));
        return;
    }
    const std::string by =
        expected.rule ? fmt::format(" by rule {}", printable(expected.rule_text)) : "";
    const std::string what =
        fmt::format("packet {}: expected {}{}", expected.packet, expected.verdict, by);
    if (!result)
        fmt::print(out_, "{}, the capture has {} packets\n", what, packets_);
    else
        fmt::print(out_, "{}, got {}{}\n", what, got,
                   decision ? " by " + decision->text(*texts_) : "");
}

void Expectations::finish() {
    for (; next_ < all_.size(); ++next_) report(all_[next_], nullptr, "", nullptr);
}

}  // namespace vfm
