#include "userspace/live/worker.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <ctime>

#include "core/base/clock.h"
#include "core/packet/headers.h"
#include "core/run/verdict.h"

namespace vfm::live {
namespace {

/// A tick behind at most, and cheap enough to be asked for each frame.
uint64_t coarse_now() { return nanoseconds_of(CLOCK_MONOTONIC_COARSE); }

/// Both sides of shared memory read each word whole; only one of them writes it.
template <class Word>
Word load(const Word& word) {
    return __atomic_load_n(&word, __ATOMIC_RELAXED);
}
template <class Word>
void store(Word& word, uint64_t value) {
    __atomic_store_n(&word, value, __ATOMIC_RELAXED);
}
template <class Word>
void increase(Word& word, uint64_t by) {
    store(word, word + by);
}

constexpr uint64_t nanoseconds(std::chrono::nanoseconds time) {
    return static_cast<uint64_t>(time.count());
}

/// The tag that the receive offload took out goes back into the bytes, for which the addresses move
/// into the room before them: nobody needs them there any more.
void put_tag_back(const VlanTag& tag, iovec& first) {
    constexpr size_t kAddresses = 12, kTag = 4;
    if (!tag.present()) return;
    auto* const begin = static_cast<uint8_t*>(first.iov_base) - kTag;
    std::memmove(begin, begin + kTag, kAddresses);
    const uint8_t bytes[kTag] = {static_cast<uint8_t>(tag.protocol >> 8),
                                 static_cast<uint8_t>(tag.protocol),
                                 static_cast<uint8_t>(tag.tci >> 8), static_cast<uint8_t>(tag.tci)};
    std::memcpy(begin + kAddresses, bytes, kTag);
    first = {begin, first.iov_len + kTag};
}

/// A thread's own table of descriptors with these alone, while it lives. In a table that
/// threads share each system call counts who uses the file. Where it cannot be had all goes on with
/// the shared one. Nothing of the process's other files stays open here: what waits for its end, as
/// the reader of a pipe, does not wait for this thread.
class OwnFiles {
  public:
    explicit OwnFiles(std::array<int, 3> kept) {
        std::ranges::sort(kept);
        unsigned first = 0;
        for (const int fd : kept) {
            close_between(first, static_cast<unsigned>(fd));
            first = static_cast<unsigned>(fd) + 1;
        }
        close_between(first, UINT_MAX);
    }
    OwnFiles(const OwnFiles&) = delete;
    OwnFiles& operator=(const OwnFiles&) = delete;
    /// Who waits for the thread's end may do so sooner than the kernel closes its files.
    ~OwnFiles() {
        if (own_) close_range(0, UINT_MAX, 0);
    }

  private:
    void close_between(unsigned first, unsigned end) {
        if (!is_possible_ || first >= end) return;
        is_possible_ = close_range(first, end - (end == UINT_MAX ? 0 : 1),
                                   own_ ? 0 : CLOSE_RANGE_UNSHARE) == 0;
        own_ = own_ || is_possible_;
    }
    bool is_possible_ = true, own_ = false;
};

}  // namespace

Worker::Worker(WorkerParts parts) : parts_(std::move(parts)) {
    store(parts_.shared->limit, parts_.socket->credits());
    begun_at_ = load(parts_.shared->redirected);
    store(parts_.shared->consumed, begun_at_);
    // Frames that come before the thread runs wait for it.
    beat(monotonic_now());
}

void Worker::beat(uint64_t now) {
    looked_ = now;
    store(parts_.shared->beat, silent_.load(std::memory_order_relaxed) ? 0 : now);
}

void Worker::silence() {
    silent_.store(true);
    // Now, not when the thread wakes up next.
    store(parts_.shared->beat, 0);
}

void Worker::run() {
    const OwnFiles files({parts_.socket->fd(), parts_.stop, parts_.give_back->fd(parts_.queue)});
    beat(monotonic_now());
    for (;;) {
        const auto packets = parts_.socket->receive();
        if (packets.empty()) {
            if (rest()) break;
            continue;
        }
        const uint64_t now = packets[0].timestamp;
        if (now - looked_ > nanoseconds(kStale))
            discard_stale(packets);
        else
            serve(packets);
        beat(now);
        if (now - settled_ >= nanoseconds(kSettleEvery)) settle_credits(now);
    }
    // Who stops the threads has taken the program off, or has silenced them before.
    store(parts_.shared->beat, 0);
    constexpr timespec kOnTheirWay = {.tv_sec = 0, .tv_nsec = 20'000'000};
    nanosleep(&kOnTheirWay, nullptr);
    serve_outstanding();
    count_lost();
}

/// Nothing new is handed over, but a processor that was busy elsewhere may still have to put a
/// frame into the ring for which it has taken credits.
void Worker::serve_outstanding() {
    constexpr timespec kShort = {.tv_sec = 0, .tv_nsec = 1'000'000};
    const uint64_t end = monotonic_now() + nanoseconds(kSleep);
    while (monotonic_now() < end) {
        serve_waiting();
        if (load(parts_.shared->consumed) == load(parts_.shared->redirected)) return;
        nanosleep(&kShort, nullptr);
    }
    serve_waiting();
}

void Worker::serve_waiting() {
    for (auto packets = parts_.socket->receive(); !packets.empty();
         packets = parts_.socket->receive())
        serve(packets);
}

void Worker::serve(std::span<const Packet> packets) {
    decide(packets);
    end_burst(packets.size());
}

void Worker::end_burst(size_t packets) {
    const uint64_t credits = parts_.socket->burst_credits();
    parts_.socket->give_back();
    increase(parts_.shared->consumed, credits);
    received_ += packets;
}

void Worker::run(std::span<const Packet> packets, std::span<Outcome> outcomes) {
    const auto changes = parts_.tables->changes();
    Counters* const counters = parts_.enforcement.counters.get();
    if (counters == nullptr) return parts_.filter->run_batch(packets, outcomes);
    for (size_t i = 0; i < packets.size(); ++i) {
        counters->forget_last();
        outcomes[i] = parts_.filter->run(packets[i]);
        counted_[i] = counters->last();
    }
}

/// Of a packet that the filter drops: true, and counted, if it passes all the same.
bool Worker::withholds(const Packet& packet, uint64_t share, uint64_t counter) {
    if (share >= VFM_ENFORCE_ALL) return false;
    const ByteView bytes = packet.visible();
    if (share > 0 && hash5(bytes, walk_headers(bytes)) % VFM_ENFORCE_ALL < share) return false;
    const std::span<uint64_t> words = parts_.enforcement.would_drop;
    increase(words[0], 1);
    if (counter > 0) increase(words[counter], 1);
    return true;
}

void Worker::decide(std::span<const Packet> packets) {
    const std::span<Outcome> outcomes(outcomes_.data(), packets.size());
    run(packets, outcomes);
    const vfm_enforce* const enforce = parts_.enforcement.shared;
    const uint64_t share = enforce ? load(enforce->share) : VFM_ENFORCE_ALL;
    Tally tally;
    size_t passing = 0;
    for (size_t i = 0; i < packets.size(); ++i) {
        const Outcome& outcome = outcomes[i];
        tally.bytes += packets[i].bytes.size();
        const bool failed = outcome.error != ErrorKind::success;
        if (failed) ++tally.errors[static_cast<size_t>(-static_cast<int>(outcome.error))];
        const bool drops = failed ? parts_.drop_on_error : outcome.value == 0;
        if (drops && !withholds(packets[i], share, counted_[i])) {
            ++tally.drop;
            continue;
        }
        const std::span<iovec> chunks = parts_.socket->chunks(i);
        if (parts_.socket->has_tags()) put_tag_back(parts_.socket->info(i).taken_tag, chunks[0]);
        parts_.give_back->prepare(chunks);
        passing_[passing++] = {chunks, !failed && outcome.value == kLogVerdict};
    }
    if (passing != 0) give(std::span(passing_).first(passing), packets[0].timestamp, tally);
    add(tally, packets.size());
}

/// Into the host's stack, in a loop of its own: after a system call little of other code is near.
void Worker::give(std::span<const Passing> frames, uint64_t since, Tally& tally) {
    constexpr size_t kLookEvery = 8;
    for (size_t i = 0; i < frames.size(); ++i) {
        // The thread may have been stopped since the burst came.
        if (i % kLookEvery == 0 && coarse_now() > since + nanoseconds(kStale)) {
            tally.drop += frames.size() - i;
            tally.lost += frames.size() - i;
            return;
        }
        ++(frames[i].is_logged ? tally.log : tally.pass);
        if (!parts_.give_back->give(parts_.queue, frames[i].chunks)) ++tally.lost;
    }
}

/// What has waited while this thread was stopped is worth nothing to anybody any more. `packets`
/// are the first of it.
void Worker::discard_stale(std::span<const Packet> packets) {
    Tally tally;
    size_t discarded = 0;
    for (const size_t most = parts_.socket->credits(); !packets.empty();) {
        for (const Packet& packet : packets) tally.bytes += packet.bytes.size();
        discarded += packets.size();
        end_burst(packets.size());
        if (discarded >= most) break;
        packets = parts_.socket->receive();
    }
    tally.drop = tally.lost = discarded;
    add(tally, discarded);
}

void Worker::add(const Tally& tally, size_t packets) {
    vfm_stats& stats = *parts_.stats;
    increase(stats.packets, packets);
    increase(stats.bytes, tally.bytes);
    increase(stats.pass, tally.pass);
    increase(stats.drop, tally.drop);
    increase(stats.log, tally.log);
    increase(stats.lost, tally.lost);
    for (size_t kind = 0; kind < tally.errors.size(); ++kind)
        if (tally.errors[kind] != 0) increase(stats.errors[kind], tally.errors[kind]);
}

/// Frames that the kernel took and lost never come out of the ring, nor do their credits. What it
/// says it has lost is counted; and where nothing was handed over for a whole beat although the
/// ring is empty, nothing is outstanding, whatever the numbers say.
void Worker::settle_credits(uint64_t now) {
    settled_ = now;
    count_lost();
    const uint64_t redirected = load(parts_.shared->redirected);
    if (redirected != idle_redirected_ || parts_.socket->has_frames()) {
        idle_redirected_ = redirected;
        idle_since_ = now;
    } else if (now - idle_since_ >= nanoseconds(kSleep)) {
        store(parts_.shared->consumed, redirected);
    }
    look_for_deafness(now, redirected);
}

void Worker::count_lost() {
    const uint64_t lost = parts_.socket->lost();
    if (lost == lost_before_) return;
    Tally tally;
    tally.drop = tally.lost = lost - lost_before_;
    add(tally, tally.lost);
    increase(parts_.shared->consumed, tally.lost);
    lost_before_ = lost;
}

/// A frame that is handed over is in the ring at once. Where more come all the time, none is ever
/// idle: so what counts is the time since there were enough of them.
void Worker::look_for_deafness(uint64_t now, uint64_t redirected) {
    if (received_ != 0 || lost_before_ != 0 || redirected - begun_at_ < kDeafAfter ||
        parts_.socket->has_frames()) {
        expected_since_ = 0;
    } else if (expected_since_ == 0) {
        expected_since_ = now;
    } else if (now - expected_since_ >= nanoseconds(kSleep)) {
        deaf_.store(true, std::memory_order_relaxed);
        silence();
    }
}

/// Until a frame comes, at most kSleep; true if the thread is to end. While frames come often only
/// the socket is waited for, which takes less time.
bool Worker::rest() {
    pollfd wait[] = {{.fd = parts_.socket->fd(), .events = POLLIN, .revents = 0},
                     {.fd = parts_.stop, .events = POLLIN, .revents = 0}};
    if (poll(wait, 1, static_cast<int>(kShortSleep.count())) == 0)
        poll(wait, 2, static_cast<int>((kSleep - kShortSleep).count()));
    if (wait[1].revents != 0) return true;
    if ((wait[0].revents & (POLLERR | POLLHUP)) != 0) {
        if (const int error = parts_.socket->error(); error != 0) error_.store(error);
        // The descriptor says so again at once, for ever: the thread that watches the interface
        // acts. Until it stops this one it waits here.
        if (poll(&wait[1], 1, 50) > 0) return true;
    }
    if (wait[0].revents & POLLIN) return false;
    const uint64_t now = monotonic_now();
    if (parts_.socket->has_frames()) return false;
    beat(now);
    if (now - settled_ >= nanoseconds(kSettleEvery)) settle_credits(now);
    return false;
}

}  // namespace vfm::live
