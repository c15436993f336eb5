#include "userspace/flow/slots.h"

namespace vfm {
namespace {

constexpr size_t kFirstCells = 16;

}  // namespace

uint32_t Slots::claim(uint32_t hash) {
    if (size_ == capacity_) {
        if (eviction_ == Eviction::none || size_ == 0) return kNone;
        release(oldest_);
    }
    if (uint64_t{size_ + 1} * 4 > uint64_t{cells_.size()} * 3) grow();
    uint32_t slot = free_;
    if (slot != kNone) {
        free_ = infos_[slot].older;
    } else {
        slot = static_cast<uint32_t>(infos_.size());
        infos_.emplace_back();
    }
    infos_[slot].hash = hash;
    put({hash, slot});
    link_newest(slot);
    ++size_;
    return slot;
}

void Slots::release(uint32_t slot) {
    erase(slot);
    unlink(slot);
    infos_[slot].older = free_;
    free_ = slot;
    --size_;
}

void Slots::clear() {
    cells_.clear();
    infos_.clear();
    size_ = 0;
    newest_ = oldest_ = free_ = kNone;
}

void Slots::grow() {
    std::vector<Cell> old(cells_.empty() ? kFirstCells : cells_.size() * 2);
    old.swap(cells_);
    for (const Cell& cell : old)
        if (cell.slot != kNone) put(cell);
}

void Slots::put(Cell cell) {
    uint32_t at = home(cell.hash);
    while (cells_[at].slot != kNone) at = next(at);
    cells_[at] = cell;
}

/// Cells behind the hole move up where that brings them no further from home than the hole is, so
/// that every probe still meets no empty cell before its key and no marks of deletion pile up.
void Slots::erase(uint32_t slot) {
    uint32_t hole = home(infos_[slot].hash);
    while (cells_[hole].slot != slot) hole = next(hole);
    for (uint32_t at = next(hole); cells_[at].slot != kNone; at = next(at)) {
        const uint32_t from_home = (at - home(cells_[at].hash)) & mask();
        const uint32_t from_hole = (at - hole) & mask();
        if (from_home < from_hole) continue;
        cells_[hole] = cells_[at];
        hole = at;
    }
    cells_[hole] = {};
}

void Slots::unlink(uint32_t slot) {
    const Info& info = infos_[slot];
    (info.newer == kNone ? newest_ : infos_[info.newer].older) = info.older;
    (info.older == kNone ? oldest_ : infos_[info.older].newer) = info.newer;
}

void Slots::link_newest(uint32_t slot) {
    infos_[slot].newer = kNone;
    infos_[slot].older = newest_;
    (newest_ == kNone ? oldest_ : infos_[newest_].newer) = slot;
    newest_ = slot;
}

}  // namespace vfm
