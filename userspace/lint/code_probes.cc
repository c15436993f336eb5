// Packets for bytecode: the constants of the code at the places that it reads, in every shape.
#include <algorithm>
#include <functional>
#include <set>

#include "core/lisp/compile.h"
#include "userspace/lint/probes.h"
#include "userspace/lint/shapes.h"

namespace vfm::lint {
namespace {

constexpr size_t kMostConstants = 512;

struct CodeFacts {
    std::set<uint64_t> constants;
    std::set<std::pair<uint64_t, unsigned>> loads;  // offset, bytes
};

void read_code(const Module& module, CodeFacts& facts) {
    for (uint32_t offset = 0; offset < module.code.size();) {
        const auto insn = decode(module.code, offset);
        if (!insn) break;
        const Group group = op_info(insn->op).group;
        if (group == Group::push) facts.constants.insert(insn->imm);
        if (group == Group::load)
            facts.loads.insert({insn->imm, 1u << (static_cast<unsigned>(insn->op) -
                                                  static_cast<unsigned>(Opcode::LD8))});
        offset = insn->next();
    }
    for (const SetDecl& set : module.sets)
        for (const SetMember& member : set.members)
            if (facts.constants.size() < kMostConstants) facts.constants.insert(member.lo);
    for (const RuleTable& table : module.rule_tables)
        for (const RuleRow& row : table.rows)
            for (const RuleTest& test : row.tests)
                if (facts.constants.size() < kMostConstants && test.kind != RuleTest::Kind::any)
                    facts.constants.insert({test.lo, test.last_lo});
}

/// The VFLisp that a module was made of, if it says so.
std::optional<lisp::Tree> tree_of(const Module& module) {
    if (module.source_text.empty()) return std::nullopt;
    const auto source = std::make_shared<const SourceFile>(module.source_name, module.source_text);
    lisp::DiskFiles files;
    auto analysed = lisp::analyse(source, &files);
    if (!analysed) return std::nullopt;
    const auto code = lisp::code_of(analysed->tree);
    if (!code || code->code != module.code) return std::nullopt;
    return std::move(analysed->tree);
}

/// Each number in each header field that can hold it, and at each place that the code reads.
void add_constants(const CodeFacts& facts, const std::function<void(const FrameSpec&)>& add) {
    const std::vector<FrameSpec> shapes = every_shape();
    const auto fields = lisp::all_header_fields();
    std::set<uint64_t> numbers;
    for (const uint64_t constant : facts.constants)
        if (numbers.size() < 3 * kMostConstants)
            numbers.insert({constant - 1, constant, constant + 1});
    for (const uint64_t number : numbers) {
        for (uint32_t i = 0; i < fields.size(); ++i) {
            const lisp::HeaderField& field = fields[i];
            const bool address = field.source == lisp::FieldSource::address;
            if (field.source != lisp::FieldSource::bytes && !address) continue;
            if (number >> (address ? 32 : field.bits) != 0) continue;
            FrameSpec spec;
            if (field.header == lisp::Header::udp) spec.proto = 17;
            if (field.header == lisp::Header::sctp) spec.proto = 132;
            if (field.header == lisp::Header::icmp) spec.proto = 1;
            if (field.header == lisp::Header::icmp6) spec.proto = 58;
            if (field.header == lisp::Header::arp) spec.ether_type = 0x0806;
            if (field.header == lisp::Header::ipv6 || field.header == lisp::Header::icmp6)
                spec.ether_type = 0x86dd;
            spec.fields[i] = {0, number};
            add(spec);
        }
        if (number < 256) {
            FrameSpec spec;
            spec.proto = static_cast<uint8_t>(number);
            add(spec);
        }
        for (const auto& [at, size] : facts.loads) {
            if (size < 8 && number >> (8 * size) != 0) continue;
            for (const uint8_t proto : {uint8_t{6}, uint8_t{17}}) {
                FrameSpec spec{.proto = proto};
                spec.patches.push_back({at, size, number});
                add(spec);
            }
        }
    }
}

}  // namespace

std::vector<Probe> probes(const Module& a, const Module* b) {
    const std::optional<lisp::Tree> tree_a = tree_of(a);
    const std::optional<lisp::Tree> tree_b = b ? tree_of(*b) : std::nullopt;
    std::vector<Probe> out;
    if (tree_a || tree_b)
        out = probes(tree_a ? *tree_a : *tree_b, tree_a && tree_b ? &*tree_b : nullptr);
    if (tree_a && (tree_b || !b)) return out;
    CodeFacts facts;
    if (!tree_a) read_code(a, facts);
    if (b && !tree_b) read_code(*b, facts);
    std::set<Bytes> seen;
    Probe next = out.empty() ? Probe{} : out.back();
    const auto add = [&](const FrameSpec& spec) {
        next.bytes = make_frame(spec);
        if (out.size() < kMostProbes && seen.insert(next.bytes).second) out.push_back(next);
    };
    for (const FrameSpec& shape : every_shape()) add(shape);
    add_constants(facts, add);
    return out;
}

}  // namespace vfm::lint
