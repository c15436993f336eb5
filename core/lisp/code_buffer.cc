#include "core/lisp/code_buffer.h"

#include <algorithm>
#include <limits>

#include "core/base/check.h"

namespace vfm::lisp {
namespace {

constexpr uint32_t kReach = std::numeric_limits<int16_t>::max();
constexpr uint32_t kJumpSize = 3;
/// A relay stands this much before the last place that its jump reaches: room for later relays
/// between the two, and for finding a gap that costs nothing.
constexpr uint32_t kSlack = 256;

}  // namespace

bool CodeBuffer::has_room(unsigned bytes) {
    size_ += bytes;
    return size_ <= kMaxCode;
}

void CodeBuffer::bind(Label label) {
    if (has_room(0)) items_.push_back({.is_label = true, .label = label});
}

void CodeBuffer::emit(Opcode op, uint64_t imm, uint32_t place) {
    const Item item{.op = op, .place = place, .imm = imm};
    if (has_room(item.size())) items_.push_back(item);
}

void CodeBuffer::jump(Opcode op, Label label, uint32_t place) {
    if (has_room(kJumpSize)) items_.push_back({.op = op, .label = label, .place = place});
}

void CodeBuffer::lay_out() {
    offsets_.clear();
    label_offsets_.assign(labels_, 0);
    uint32_t at = 0;
    for (const Item& item : items_) {
        offsets_.push_back(at);
        if (item.is_label) label_offsets_[item.label] = at;
        at += item.size();
    }
    offsets_.push_back(at);
}

uint32_t CodeBuffer::distance(size_t jump) const {
    return label_offsets_[items_[jump].label] - offsets_[jump + 1];
}

std::optional<size_t> CodeBuffer::first_far_jump() const {
    for (size_t i = 0; i < items_.size(); ++i)
        if (items_[i].is_jump() && distance(i) > kReach) return i;
    return std::nullopt;
}

std::optional<CodeBuffer::Label> CodeBuffer::relay_in_reach(size_t far_jump) const {
    const uint32_t from = offsets_[far_jump + 1];
    for (const Relay& relay : relays_) {
        const uint32_t at = label_offsets_[relay.label];
        if (relay.target == items_[far_jump].label && at > from && at - from <= kReach)
            return relay.label;
    }
    return std::nullopt;
}

void CodeBuffer::relay(size_t far_jump) {
    // The last gap that the jump reaches, or a little before it one that needs no JMP around.
    const uint32_t last = offsets_[far_jump + 1] + kReach - kSlack;
    size_t gap = far_jump + 1;
    while (offsets_[gap + 1] + kJumpSize <= last) ++gap;
    for (size_t i = gap; offsets_[i] + kSlack > last; --i) {
        if (items_[i - 1].ends_path()) {
            gap = i;
            break;
        }
    }

    const Label target = items_[far_jump].label;
    const Label relay = new_label();
    relays_.push_back({relay, target});
    for (size_t i = far_jump; i < gap; ++i)
        if (items_[i].is_jump() && items_[i].label == target && distance(i) > kReach)
            items_[i].label = relay;

    const uint32_t place = items_[far_jump].place;
    std::vector<Item> added{{.is_label = true, .label = relay},
                            {.is_relay = true, .op = Opcode::JMP, .label = target, .place = place}};
    if (!items_[gap - 1].ends_path()) {
        const Label around = new_label();
        added.insert(added.begin(), {.op = Opcode::JMP, .label = around, .place = place});
        added.push_back({.is_label = true, .label = around});
    }
    items_.insert(items_.begin() + static_cast<std::ptrdiff_t>(gap), added.begin(), added.end());
}

std::optional<CodeBuffer::Linked> CodeBuffer::link() {
    // Every round brings one jump nearer to its target. A relay in reach costs nothing; a new one
    // adds bytes, so that the limit on the code ends the loop.
    for (;;) {
        if (size_ > kMaxCode) return std::nullopt;
        lay_out();
        if (offsets_.back() > kMaxCode) return std::nullopt;
        const std::optional<size_t> far_jump = first_far_jump();
        if (!far_jump) break;
        if (const std::optional<Label> near = relay_in_reach(*far_jump))
            items_[*far_jump].label = *near;
        else
            relay(*far_jump);
    }

    Linked linked;
    for (size_t i = 0; i < items_.size(); ++i) {
        const Item& item = items_[i];
        if (item.is_label) continue;
        VFM_CHECK(!item.is_jump() || distance(i) <= kReach, "jumps go forwards to bound labels");
        if (linked.places.empty() || linked.places.back().source != item.place)
            linked.places.push_back({offsets_[i], item.place});
        if (item.says_true) linked.true_jumps.push_back(offsets_[i]);
        if (item.is_relay) linked.relays.push_back(offsets_[i]);
        encode(linked.code, item.op, item.is_jump() ? distance(i) : item.imm);
    }
    return linked;
}

}  // namespace vfm::lisp
