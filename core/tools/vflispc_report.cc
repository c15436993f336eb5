#include "core/tools/vflispc_report.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "core/asm/disassembler.h"
#include "core/cli/cli.h"

namespace vfm {
namespace {

using Json = nlohmann::ordered_json;

/// Names come from files: what is no UTF-8 is replaced, never an exception.
std::string line_of(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

/// Recurses as deep as the source nests, which the reader limits.
Json tree_json(const lisp::Tree& tree, const lisp::Expr& expr) {
    const Position at = tree.sources->position(expr.place);
    Json out = {{"name", tree.name(expr)},
                {"type", lisp::type_name(expr.type)},
                {"line", at.line},
                {"column", at.column}};
    if (expr.place.file != 0) out["file"] = tree.sources->file(expr.place.file)->name();
    if (expr.absent) out["absent"] = true;
    if (const auto* flow = expr.as<lisp::Flow>()) out["table"] = tree.tables[flow->table].name;
    if (const auto* rate = expr.as<lisp::Rate>()) out["table"] = tree.tables[rate->table].name;
    if (const auto* member = expr.as<lisp::Member>()) out["set"] = tree.sets[member->set].name;
    for (const lisp::Expr& argument : tree.arguments(expr))
        out["arguments"].push_back(tree_json(tree, argument));
    return out;
}

}  // namespace

std::string tree_text(const lisp::Tree& tree, bool json) {
    return json ? line_of(tree_json(tree, tree.filter())) : lisp::print(tree);
}

std::string listing_text(const Module& module, bool json) {
    if (!json) return disassemble(module, {.offsets = true, .source = true});
    std::string out;
    for (uint32_t offset = 0; offset < module.code.size();) {
        const auto insn = decode(module.code, offset);
        if (!insn) break;
        Json row = {{"offset", offset}, {"instruction", instruction_text(*insn)}};
        if (const auto at = module.position_of(offset)) {
            row["line"] = at->line;
            row["column"] = at->column;
        }
        out += line_of(row);
        offset = insn->next();
    }
    return out;
}

std::string finding_text(const lint::Finding& finding, bool json) {
    std::string packet;
    for (const uint8_t byte : finding.packet) packet += fmt::format("{:02x}", byte);
    const std::string_view name = lint::lint_name(finding.kind);
    const Position at = finding.position();
    if (json)
        return line_of({{"lint", name},
                        {"file", finding.file()},
                        {"line", at.line},
                        {"column", at.column},
                        {"message", finding.diagnostic.message},
                        {"packet", packet}});
    constexpr size_t kMostShown = 160;
    if (packet.size() > kMostShown)
        packet = fmt::format("{}... ({} bytes)", packet.substr(0, kMostShown), packet.size() / 2);
    return fmt::format("{}  {}, shown by {}\n", render(finding.diagnostic, cli::use_colour(1)),
                       name, packet);
}

std::string ResultReport::packet(std::string_view name, size_t length, const Outcome& outcome) {
    ++packets_;
    const bool failed = outcome.error != ErrorKind::success;
    if (outcome.skipped)
        ++skipped_;
    else if (failed)
        ++errors_[error_index(outcome.error)];
    else
        ++(outcome.value != 0 ? accept_ : drop_);
    if (json_) {
        Json line = {{"packet", packets_}};
        if (!name.empty()) line["name"] = name;
        line["len"] = length;
        if (outcome.skipped)
            line["skipped"] = "link";
        else if (failed)
            line["error"] = error_name(outcome.error);
        else
            line["value"] = outcome.value;
        return line_of(line);
    }
    const std::string result = outcome.skipped ? "skipped: its link header states no EtherType"
                               : failed        ? fmt::format("error  {}", error_name(outcome.error))
                                               : fmt::format("value  {}", outcome.value);
    const std::string label = name.empty() ? fmt::format("{}", packets_) : std::string(name);
    return fmt::format("{:<10} len {:<6} {}\n", label, length, result);
}

std::string ResultReport::summary() const {
    Json errors = Json::object();
    uint64_t failed = 0;
    for (unsigned i = 1; i < kErrorKinds; ++i) {
        failed += errors_[i];
        if (errors_[i] != 0)
            errors[std::string(error_name(static_cast<ErrorKind>(-static_cast<int>(i))))] =
                errors_[i];
    }
    const uint64_t run = packets_ - skipped_;
    const std::string skipped = skipped_ == 0 ? "" : fmt::format(", {} skipped", skipped_);
    if (!json_)
        return fmt::format("{} packets: {} accepted, {} dropped, {} with an error{}\n", run,
                           accept_, drop_, failed, skipped);
    return line_of({{"engine", "interp"},
                    {"packets", run},
                    {"accept", accept_},
                    {"drop", drop_},
                    {"errors", errors}});
}

}  // namespace vfm
