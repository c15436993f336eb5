#include "userspace/tools/test_jobs.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/packet/headers.h"
#include "userspace/tools/test_crew.h"

namespace vfm {
namespace {

/// A key that two connections never share: of kind conn, or both addresses, both ports and the
/// protocol, whatever else stands in it.
bool holds_connection(const TableDecl& table) {
    const auto count = [&](std::initializer_list<KeyKind> kinds) {
        return std::ranges::count_if(
            table.key, [&](KeyKind kind) { return std::ranges::find(kinds, kind) != kinds.end(); });
    };
    return count({KeyKind::conn}) != 0 ||
           (count({KeyKind::ip, KeyKind::ipv4, KeyKind::ipv6}) >= 2 &&
            count({KeyKind::port}) >= 2 && count({KeyKind::proto}) >= 1);
}

/// The table that an instruction uses, if it uses one.
std::optional<uint64_t> table_used(const Insn& insn) {
    switch (insn.op) {
        case Opcode::FLOW_LOAD:
        case Opcode::FLOW_STORE:
            return 0;
        case Opcode::FLOW_GET:
        case Opcode::FLOW_SET:
        case Opcode::FLOW_ADD:
            return insn.imm;
        default:
            return std::nullopt;
    }
}

constexpr std::string_view kOneJob = "--jobs 1 runs it";

std::unexpected<Failure> not_split(const Filter& filter, uint32_t offset,
                                   const std::string& message) {
    Diagnostic diagnostic = locate(filter, offset, message);
    diagnostic.hint = kOneJob;
    return fail(std::move(diagnostic));
}

uint64_t mixed(uint64_t hash, uint64_t word) {
    const uint64_t product = (hash ^ word) * 0x9E3779B97F4A7C15;
    return product ^ product >> 32;
}

/// An endpoint of a connection.
uint64_t endpoint_hash(ByteView address, uint64_t port) {
    uint64_t hash = port;
    for (size_t at = 0; at < address.size(); at += 4)
        hash = mixed(hash, load_be<uint32_t>(address.data() + at));
    return hash;
}

}  // namespace

Result<> check_split(const Filter& filter, const VerifiedModule& program) {
    const std::vector<TableDecl> tables = program.module().effective_tables();
    for (const Insn& insn : program.insns()) {
        if (insn.op == Opcode::RAND)
            return not_split(filter, insn.offset,
                             "--jobs: RAND gives one sequence, which jobs cannot share");
        const auto table = table_used(insn);
        if (!table || holds_connection(tables[*table])) continue;
        return not_split(
            filter, insn.offset,
            fmt::format("--jobs: a key of table '{}' ({}) does not hold both addresses, both ports "
                        "and the protocol, so that jobs would share entries",
                        printable(tables[*table].name), key_kinds_text(tables[*table].key)));
    }
    return {};
}

uint64_t connection_hash(ByteView packet) {
    const Headers headers = walk_headers(packet);
    const uint64_t version = headers[HeaderFact::ip_version];
    if (version != 4 && version != 6) return 0;
    const size_t ip = headers[HeaderFact::ip_offset];
    const size_t size = version == 4 ? 4 : 16;
    const ByteView source = packet.subspan(ip + (version == 4 ? 12 : 8), size);
    const ByteView destination = packet.subspan(ip + (version == 4 ? 12 : 8) + size, size);
    const uint64_t proto = headers[HeaderFact::proto];
    const uint64_t transport = headers[HeaderFact::transport_offset];
    uint64_t from = 0, to = 0;
    const bool has_ports = proto == 6 || proto == 17 || proto == 132 || proto == 136;
    if (has_ports && transport <= packet.size() && packet.size() - transport >= 4) {
        from = load_be<uint16_t>(packet.data() + transport);
        to = load_be<uint16_t>(packet.data() + transport + 2);
    }
    // A sum, so that the direction makes no difference.
    return mixed(endpoint_hash(source, from) + endpoint_hash(destination, to), proto);
}

Result<EngineJobs> EngineJobs::make(const Filter& filter, const VerifiedModule& program,
                                    std::string_view engine, bool statistics, unsigned jobs) {
    if (jobs > 1) TRY(check_split(filter, program));
    EngineJobs out;
    out.sets_.push_back(TRY(EngineSet::make(filter, program, engine, statistics)));
    while (out.sets_.size() < jobs) out.sets_.push_back(TRY(out.sets_.front().another(filter)));
    return out;
}

RunEnd EngineJobs::run(CaptureReader& capture, const RunHooks& hooks) {
    if (sets_.size() == 1) return run_capture(capture, sets_.front(), hooks);
    return run_by_crew(capture, sets_, hooks);
}

Result<std::vector<FlowEntry>> EngineJobs::flows(const Filter& filter) const {
    std::vector<FlowEntry> all;
    for (const EngineSet& set : sets_) {
        const std::vector<FlowEntry> part = set.first().flows();
        all.insert(all.end(), part.begin(), part.end());
    }
    std::ranges::sort(all);
    if (sets_.size() == 1) return all;
    const std::vector<TableDecl> tables = filter.module.effective_tables();
    const auto differs = [&](uint32_t table, std::string_view why) {
        return fail(Diagnostic::about(
            filter.name,
            fmt::format("--jobs: table '{}' {}: the results may differ from those of one job",
                        printable(tables[table].name), why),
            std::string(kOneJob)));
    };
    std::vector<uint32_t> sizes(tables.size());
    for (size_t i = 0; i < all.size(); ++i) {
        const uint32_t table = all[i].table;
        if (i != 0 && all[i - 1].table == table && all[i - 1].key == all[i].key)
            return differs(table, "has an entry that two jobs made");
        if (++sizes[table] > tables[table].capacity)
            return differs(table, "got more entries than its capacity");
    }
    return all;
}

std::vector<std::vector<Count>> EngineJobs::counters() const {
    std::vector<std::vector<Count>> sums;
    for (const EngineSet& set : sets_) {
        const std::vector<std::vector<Count>> part = set.first().counters();
        sums.resize(std::max(sums.size(), part.size()));
        for (size_t group = 0; group < part.size(); ++group) {
            sums[group].resize(std::max(sums[group].size(), part[group].size()));
            for (size_t i = 0; i < part[group].size(); ++i) {
                sums[group][i].packets += part[group][i].packets;
                sums[group][i].bytes += part[group][i].bytes;
            }
        }
    }
    return sums;
}

uint64_t EngineJobs::refused_stores() const {
    uint64_t sum = 0;
    for (const EngineSet& set : sets_) sum += set.first().refused_stores();
    return sum;
}

std::vector<LineCount> EngineJobs::line_counts() const {
    std::vector<uint64_t> sums;
    for (const EngineSet& set : sets_) {
        const std::span<const uint64_t> runs = set.block_runs();
        sums.resize(runs.size());
        for (size_t i = 0; i < runs.size(); ++i) sums[i] += runs[i];
    }
    return first().line_counts(sums);
}

}  // namespace vfm
