#include "loader/serve/hand_over_way.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "loader/kernel.h"
#include "userspace/live/socket.h"

namespace vfm {
namespace {

constexpr std::string_view kForce = "; --force attaches all the same";

Diagnostic about(const HandOverFacts& facts, std::string message, std::string hint,
                 Severity severity = Severity::error) {
    Diagnostic diagnostic = Diagnostic::about(facts.interface, std::move(message), std::move(hint));
    diagnostic.severity = severity;
    return diagnostic;
}

/// Slaves run what native mode attaches to these, and a socket of the master gets nothing of them.
bool is_bundle(const HandOverFacts& facts) { return facts.kind == "bond" || facts.kind == "team"; }

Diagnostic lost_tags(const HandOverFacts& facts, const char* why) {
    return about(facts,
                 fmt::format("{}{}, and they would be lost: {}",
                             facts.tags->certain ? "" : "perhaps ", facts.tags->message, why),
                 facts.tags->remedy);
}

/// What native mode loses.
std::vector<Diagnostic> native_losses(const HandOverFacts& facts) {
    if (!facts.tags || facts.driver_tells_tags) return {};
    return {lost_tags(facts, "this driver or kernel cannot be asked for them")};
}

/// What generic mode loses.
std::vector<Diagnostic> generic_losses(const HandOverFacts& facts) {
    std::vector<Diagnostic> losses;
    if (facts.tags) losses.push_back(lost_tags(facts, "generic mode cannot ask for them"));
    for (const DatagramJoiner& joiner : facts.joiners)
        losses.push_back(about(
            facts, fmt::format("{}, which cannot be cut again behind generic mode", joiner.message),
            joiner.remedy));
    return losses;
}

/// Adds the way, or says why it is closed; once what mends two ways.
void add_way(HandOverPlan& plan, HandOverWay way, std::vector<Diagnostic> losses, bool force) {
    for (Diagnostic& loss : losses) {
        if (force) loss.severity = Severity::warning;
        if (!force) loss.hint += kForce;
    }
    if (!losses.empty() && !force) {
        for (Diagnostic& loss : losses)
            if (std::ranges::find(plan.closed, loss.hint, &Diagnostic::hint) == plan.closed.end())
                plan.closed.push_back(std::move(loss));
        return;
    }
    std::ranges::move(losses, std::back_inserter(way.warnings));
    plan.ways.push_back(std::move(way));
}

Result<> check_interface(const HandOverFacts& facts) {
    if (facts.loopback)
        return refuse(facts.interface,
                      "the loopback device cannot be served: its frames have no addresses by "
                      "which they could be given back",
                      "serve the interface by which they reach this machine; in the kernel filters "
                      "run here, too");
    if (!facts.multi_buffer && facts.mtu + kTagAndEthernet > live::Socket::kChunk)
        return refuse(facts.interface,
                      fmt::format("its MTU is {}: before Linux 6.6 a frame for user space has {} "
                                  "bytes at most",
                                  facts.mtu, live::Socket::kChunk),
                      "`ip link set dev " + facts.interface + " mtu 3500`");
    return {};
}

}  // namespace

Result<HandOverPlan> plan_hand_over(const HandOverFacts& facts, const HandOverOptions& options) {
    TRY(check_interface(facts));
    HandOverPlan plan;
    if (options.mode != Mode::skb) {
        if (is_bundle(facts))
            plan.closed.push_back(
                about(facts,
                      fmt::format("no native mode on a {}: its slaves would run the program, and "
                                  "their frames reach no socket of the {}",
                                  facts.kind, facts.kind),
                      "--hand-over=skb"));
        else
            add_way(plan,
                    {.mode = Mode::native,
                     .multi_buffer = facts.multi_buffer,
                     .ask_for_tags = facts.tags && facts.driver_tells_tags,
                     .warnings = {}},
                    native_losses(facts), options.force);
    }
    if (options.mode != Mode::native) {
        HandOverWay generic = {.mode = Mode::skb,
                               .multi_buffer = facts.multi_buffer,
                               .ask_for_tags = false,
                               .warnings = {}};
        if (facts.joins_for_sockets)
            generic.warnings.push_back(
                about(facts,
                      "generic receive offload joins datagrams for sockets that ask for it "
                      "(UDP_GRO), and they cannot be cut again behind generic mode",
                      fmt::format("ethtool -K {} gro off", facts.interface), Severity::warning));
        add_way(plan, std::move(generic), generic_losses(facts), options.force);
    }
    if (plan.ways.empty()) return std::unexpected(Failure(Status::refused, std::move(plan.closed)));
    for (Diagnostic& closed : plan.closed) closed.severity = Severity::note;
    return plan;
}

}  // namespace vfm
