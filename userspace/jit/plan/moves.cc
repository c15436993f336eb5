#include "userspace/jit/plan/moves.h"

namespace vfm::jit {

MoveSequence::Node& MoveSequence::at(Location location) {
    if (location.index() >= nodes_.size()) nodes_.resize(location.index() + 16);
    return nodes_[location.index()];
}

// Does one move; where it was the last to read its source, what writes there is ready.
void MoveSequence::emit(std::span<const Move> moves, size_t i) {
    const Move& move = moves[i];
    ordered_.push_back(move);
    at(move.to).writer = -1;
    Node& source = at(move.from);
    if (--source.readers == 0 && source.writer >= 0)
        ready_.push_back(static_cast<uint32_t>(source.writer));
}

std::span<const Move> MoveSequence::order(std::span<const Move> moves, Location scratch) {
    ordered_.clear();
    ready_.clear();
    for (size_t i = 0; i < moves.size(); ++i) {
        if (moves[i].to == moves[i].from) continue;
        ++at(moves[i].from).readers;
        at(moves[i].to).writer = static_cast<int32_t>(i);
    }
    for (size_t i = 0; i < moves.size(); ++i)
        if (moves[i].to != moves[i].from && at(moves[i].to).readers == 0)
            ready_.push_back(static_cast<uint32_t>(i));
    const auto drain = [&] {
        while (!ready_.empty()) {
            const uint32_t i = ready_.back();
            ready_.pop_back();
            emit(moves, i);
        }
    };
    drain();
    // What is left are cycles, in which each location is read once. The scratch takes what the
    // first move would overwrite, for the move that reads it, which then comes last.
    for (size_t i = 0; i < moves.size(); ++i) {
        const Location first = moves[i].to;
        if (first == moves[i].from || at(first).writer != static_cast<int32_t>(i)) continue;
        ordered_.push_back({scratch, first});
        at(first).readers = 0;
        size_t next = i;
        while (moves[next].from != first) {
            const Location from = moves[next].from;
            ordered_.push_back(moves[next]);
            at(moves[next].to).writer = -1;
            at(from).readers = 0;
            next = static_cast<size_t>(at(from).writer);
        }
        ordered_.push_back({moves[next].to, scratch});
        at(moves[next].to).writer = -1;
    }
    return ordered_;
}

}  // namespace vfm::jit
