#include "bpfgen/far_ways.h"

#include <algorithm>
#include <utility>

namespace vfm::bpf {

// The address behind the packet's last byte, were all of it linear, beside that of the linear ones.
// In a copy both are the same.
void FarTests::here() {
    b_.load_to(0, 4, kFrame, kSeenSlot);
    b_.add_to(0, kData);
    b_.branch({.code = BPF_JGT, .a = 0, .b = kDataEnd}, *way_);
}

Label FarTests::before(Label target, std::vector<Move> moves) {
    if (moves.empty()) {
        const auto same = std::ranges::find_if(places_, [&](const Place& place) {
            return place.moves.empty() && place.target.id == target.id;
        });
        if (same != places_.end()) return same->entry;
    }
    places_.push_back({b_.label(), target, std::move(moves), b_.origin()});
    return places_.back().entry;
}

void FarTests::emit() {
    for (Place& place : places_) {
        b_.origin(place.origin);
        b_.bind(place.entry);
        here();
        b_.jump(place.target, std::move(place.moves));
    }
    places_.clear();
}

}  // namespace vfm::bpf
