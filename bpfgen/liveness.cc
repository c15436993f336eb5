#include "bpfgen/liveness.h"

#include <algorithm>
#include <utility>

namespace vfm::bpf {
namespace {

// Lists by number, one behind the other.
class Lists {
  public:
    struct Entry {
        uint32_t list, value;
    };
    Lists(size_t lists, std::span<const Entry> entries) : begins_(lists + 1) {
        for (const Entry& entry : entries) ++begins_[entry.list + 1];
        for (size_t i = 0; i < lists; ++i) begins_[i + 1] += begins_[i];
        values_.resize(entries.size());
        std::vector<uint32_t> next(begins_.begin(), begins_.end() - 1);
        for (const Entry& entry : entries) values_[next[entry.list]++] = entry.value;
    }
    std::span<const uint32_t> operator[](uint32_t list) const {
        return std::span(values_).subspan(begins_[list], begins_[list + 1] - begins_[list]);
    }

  private:
    std::vector<uint32_t> begins_;
    std::vector<uint32_t> values_;
};

// Basic blocks, in the order of the code. A branch out of the function ends none: nothing is alive
// where it leads.
class Blocks {
  public:
    explicit Blocks(const MFunction& function)
        : insns_(function.insns), of_insn_(insns_.size()), quiet_(insns_.size() + 1) {
        find_labels();
        for (uint32_t i = 0; i < insns_.size(); ++i) {
            if (i == 0 || insns_[i].op == MOp::label || ends_block(insns_[i - 1]))
                firsts_.push_back(i);
            of_insn_[i] = static_cast<uint32_t>(firsts_.size() - 1);
            const bool parameters = insns_[i].op == MOp::label && insns_[i].list != kNoMoves;
            const bool calls = insns_[i].op == MOp::call || insns_[i].op == MOp::call_local;
            const bool writes = insns_[i].dst != kNoReg || calls || parameters;
            quiet_[i + 1] = writes ? i + 1 : quiet_[i];
        }
        firsts_.push_back(static_cast<uint32_t>(insns_.size()));
    }

    uint32_t count() const { return static_cast<uint32_t>(firsts_.size() - 1); }
    uint32_t of(uint32_t insn) const { return of_insn_[insn]; }
    uint32_t begin(uint32_t block) const { return 2 * firsts_[block]; }
    uint32_t end(uint32_t block) const { return 2 * firsts_[block + 1]; }

    // Nothing is written at these positions, so nobody gains by a gap there.
    bool is_quiet(uint32_t from, uint32_t to) const { return quiet_[to / 2] <= from / 2; }

    Lists predecessors() const {
        std::vector<Lists::Entry> edges;
        for (uint32_t block = 0; block < count(); ++block) {
            const MInsn& last = insns_[firsts_[block + 1] - 1];
            const bool goes_on = last.op != MOp::jump && last.op != MOp::exit;
            if (goes_on && block + 1 < count()) edges.push_back({block + 1, block});
            if (const uint32_t at = target(last); at != kOutside)
                edges.push_back({of_insn_[at], block});
        }
        return {count(), edges};
    }

  private:
    static constexpr uint32_t kOutside = ~uint32_t{0};

    void find_labels() {
        for (uint32_t i = 0; i < insns_.size(); ++i) {
            if (insns_[i].op != MOp::label) continue;
            const uint32_t id = insns_[i].label.id;
            if (labels_.size() <= id) labels_.resize(id + 1, kOutside);
            labels_[id] = i;
        }
    }

    // The label that a jump or branch leads to.
    uint32_t target(const MInsn& insn) const {
        const bool leads =
            insn.op == MOp::jump || insn.op == MOp::branch || insn.op == MOp::branch_imm;
        return leads && insn.label.id < labels_.size() ? labels_[insn.label.id] : kOutside;
    }
    bool ends_block(const MInsn& insn) const {
        return insn.op == MOp::jump || insn.op == MOp::exit || target(insn) != kOutside;
    }

    std::span<const MInsn> insns_;
    std::vector<uint32_t> labels_;  // by label: its instruction
    std::vector<uint32_t> firsts_;  // by block: its first instruction; then the number of all
    std::vector<uint32_t> of_insn_;
    std::vector<uint32_t> quiet_;  // by instruction: the one before which the last write stands
};

constexpr uint32_t kNeverWritten = ~uint32_t{0};

// By virtual register: where it is written and read.
struct Accesses {
    std::vector<uint32_t> writers;
    Lists readers;
};

Accesses find_accesses(const MFunction& function) {
    std::vector<uint32_t> writers(function.next, kNeverWritten);
    std::vector<Lists::Entry> readers;
    for (uint32_t i = 0; i < function.insns.size(); ++i) {
        const MInsn& insn = function.insns[i];
        for_each_read(function, insn, [&](VReg reg) {
            if (is_virtual(reg)) readers.push_back({reg, 2 * i});
        });
        for_each_write(function, insn, [&](VReg reg) {
            if (is_virtual(reg)) writers[reg] = 2 * i + 1;
        });
    }
    return {std::move(writers), Lists(function.next, readers)};
}

// Goes backward from the readers of one value after another.
class Walk {
  public:
    explicit Walk(const Blocks& blocks)
        : blocks_(blocks),
          predecessors_(blocks.predecessors()),
          entered_(blocks.count(), 0),
          left_(blocks.count(), 0) {}

    // Ascending and apart.
    std::span<const LiveRange> ranges(uint32_t writer, std::span<const uint32_t> readers) {
        ++value_;
        writer_ = writer;
        home_ = blocks_.of(writer / 2);
        pieces_.assign(1, {writer, writer + 1});
        for (const uint32_t reader : readers) {
            const uint32_t block = blocks_.of(reader / 2);
            if (block == home_ && reader > writer) {
                pieces_.push_back({writer, reader + 1});
            } else {
                pieces_.push_back({blocks_.begin(block), reader + 1});
                enter(block);
            }
        }
        while (!rest_.empty()) {
            const uint32_t block = rest_.back();
            rest_.pop_back();
            leave(block);
        }
        merge();
        return pieces_;
    }

  private:
    // The value is alive where the block begins: so at the end of those before it.
    void enter(uint32_t block) {
        if (std::exchange(entered_[block], value_) == value_) return;
        const auto before = predecessors_[block];
        rest_.insert(rest_.end(), before.begin(), before.end());
    }
    void leave(uint32_t block) {
        if (std::exchange(left_[block], value_) == value_) return;
        if (block == home_) {
            pieces_.push_back({writer_, blocks_.end(block)});
        } else {
            pieces_.push_back({blocks_.begin(block), blocks_.end(block)});
            enter(block);
        }
    }
    void merge() {
        std::ranges::sort(pieces_, {}, &LiveRange::from);
        size_t kept = 0;
        for (const LiveRange& piece : pieces_) {
            uint32_t& end = pieces_[kept == 0 ? 0 : kept - 1].to;
            if (kept > 0 && (piece.from <= end || blocks_.is_quiet(end, piece.from))) {
                end = std::max(end, piece.to);
            } else {
                pieces_[kept++] = piece;
            }
        }
        pieces_.resize(kept);
    }

    const Blocks& blocks_;
    const Lists predecessors_;
    std::vector<uint32_t> entered_, left_;  // by block: the last value of which that is known
    uint32_t value_ = 0;
    uint32_t writer_ = 0, home_ = 0;
    std::vector<LiveRange> pieces_;
    std::vector<uint32_t> rest_;
};

}  // namespace

Liveness::Liveness(const MFunction& function) : begins_(function.next + 1, 0) {
    const Blocks blocks(function);
    const Accesses accesses = find_accesses(function);
    Walk walk(blocks);
    for (VReg reg = kFirstVirtual; reg < function.next; ++reg) {
        if (accesses.writers[reg] != kNeverWritten) {
            const auto ranges = walk.ranges(accesses.writers[reg], accesses.readers[reg]);
            ranges_.insert(ranges_.end(), ranges.begin(), ranges.end());
        }
        begins_[reg + 1] = static_cast<uint32_t>(ranges_.size());
    }
}

}  // namespace vfm::bpf
