#include "userspace/tools/test_crew.h"

#include <array>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "userspace/tools/test_jobs.h"

namespace vfm {
namespace {

// Small enough that a batch is still in the second cache when it is run.
constexpr size_t kBatchPackets = 512;
constexpr size_t kBatchBytes = size_t{1} << 18;
constexpr size_t kBatches = 8;  // that are filled, run or given back at once

/// Packets with their bytes, which the reader keeps only until it reads the next one. What jobs
/// write stands apart from what they read.
struct Batch {
    struct Kept {
        size_t frame_at = 0;  // in `bytes`
        uint32_t frame_size = 0, record_size = 0;
        uint64_t timestamp = 0;
        size_t record_at = 0;
        uint64_t offset = 0;
        uint32_t original = 0, interfaces = 0;
        CaptureInterface interface;
        Skip skip = Skip::none;
    };
    struct Judged {
        Outcome outcome;
        std::optional<uint32_t> ended_at;
    };

    uint64_t first = 0;  // number of the first packet
    size_t size = 0;
    std::vector<Kept> kept = std::vector<Kept>(kBatchPackets);
    std::vector<Judged> judged = std::vector<Judged>(kBatchPackets);
    Bytes bytes = Bytes(kBatchBytes);
    size_t bytes_used = 0;
    std::vector<std::vector<uint32_t>> of_job;  // which packets each job runs
    size_t jobs_left = 0;
    /// By packet.
    std::vector<std::pair<size_t, Disagreement>> differing;

    bool is_full() const { return size == kBatchPackets || bytes_used >= kBatchBytes; }
    void clear() {
        size = bytes_used = 0;
        for (auto& mine : of_job) mine.clear();
        differing.clear();
    }
    void add(uint64_t number, const CapturedPacket& captured, uint32_t interfaces) {
        if (size == 0) first = number;
        const CaptureRecord& record = captured.record;
        const ByteView frame = captured.packet.bytes;
        Kept& one = kept[size];
        one.frame_at = keep(frame);
        one.frame_size = static_cast<uint32_t>(frame.size());
        one.record_at = frame.data() == record.bytes.data() ? one.frame_at : keep(record.bytes);
        one.record_size = static_cast<uint32_t>(record.bytes.size());
        one.timestamp = record.timestamp;
        one.offset = record.offset;
        one.original = record.original;
        one.interfaces = interfaces;
        one.interface = record.interface;
        one.skip = captured.readable ? Skip::none : Skip::link;
        judged[size] = {};
        if (captured.readable) {
            const size_t job = connection_hash(captured.packet.visible()) % of_job.size();
            of_job[job].push_back(static_cast<uint32_t>(size));
        }
        ++size;
    }
    /// Once all bytes are there, and so where they stay.
    Packet packet(size_t at) const {
        return {{bytes.data() + kept[at].frame_at, kept[at].frame_size}, kept[at].timestamp};
    }
    PacketResult result(size_t at) const {
        const Kept& one = kept[at];
        PacketResult out{.number = first + at,
                         .packet = packet(at),
                         .record = {.bytes = {bytes.data() + one.record_at, one.record_size},
                                    .timestamp = one.timestamp,
                                    .offset = one.offset,
                                    .original = one.original,
                                    .interface = one.interface},
                         .interfaces = one.interfaces,
                         .outcome = Outcome::skip(),
                         .skip = one.skip};
        if (one.skip == Skip::none) judge(out, judged[at].outcome, judged[at].ended_at);
        return out;
    }

  private:
    /// Copies bytes; gives where they are.
    size_t keep(ByteView some) {
        const size_t at = bytes_used;
        bytes_used += some.size();
        if (bytes_used > bytes.size()) [[unlikely]]
            bytes.resize(bytes_used);
        if (!some.empty()) std::memcpy(bytes.data() + at, some.data(), some.size());
        return at;
    }
};

/// Batches go round: the reader fills one, every job runs its packets of it, the reader gives the
/// results away and fills it again. Numbers of batches count from 0 and never wrap.
class Crew {
  public:
    Crew(std::span<EngineSet> sets, const RunHooks& hooks) : sets_(sets), hooks_(hooks) {
        for (Batch& batch : batches_) batch.of_job.resize(sets_.size());
        for (size_t job = 0; job < sets_.size(); ++job)
            threads_.emplace_back([this, job] { work(job); });
    }
    ~Crew() {
        {
            const std::lock_guard lock(mutex_);
            ends_ = true;
        }
        filled_.notify_all();
        for (std::thread& thread : threads_) thread.join();
    }
    Crew(const Crew&) = delete;
    Crew& operator=(const Crew&) = delete;

    /// The reader's side. False once the run is to end, and then end() says how.
    bool add(uint64_t number, const CapturedPacket& captured, uint32_t interfaces) {
        Batch& batch = filling();
        batch.add(number, captured, interfaces);
        return !batch.is_full() || publish();
    }
    /// Every packet that was added is run and its result given away.
    bool drain() {
        if (filling().size != 0) publish();
        while (goes_on_ && given_ < published_) give_oldest();
        return goes_on_;
    }
    RunEnd take_end() { return std::move(end_); }

  private:
    Batch& filling() { return batches_[published_ % kBatches]; }

    bool publish() {
        {
            const std::lock_guard lock(mutex_);
            filling().jobs_left = sets_.size();
            ++published_;
        }
        filled_.notify_all();
        while (goes_on_ && published_ - given_ == kBatches) give_oldest();
        return goes_on_;
    }

    /// Waits until every job has run its part of the oldest batch.
    void give_oldest() {
        Batch& batch = batches_[given_ % kBatches];
        {
            std::unique_lock lock(mutex_);
            done_.wait(lock, [&] { return batch.jobs_left == 0 || failure_; });
            if (failure_) std::rethrow_exception(failure_);
        }
        for (size_t i = 0; goes_on_ && i < batch.size; ++i) give(batch, i);
        batch.clear();
        ++given_;
    }

    void give(Batch& batch, size_t which) {
        const PacketResult result = batch.result(which);
        for (auto& [at, how] : batch.differing) {
            if (at != which) continue;
            const ByteView bytes = result.packet.visible();
            end_.differing =
                RunEnd::Differing{std::move(how), result.number, {bytes.begin(), bytes.end()}};
            goes_on_ = false;
            return;
        }
        goes_on_ = hooks_.each(result);
    }

    void work(size_t job) {
        try {
            for (uint64_t number = 0;; ++number) {
                Batch& batch = batches_[number % kBatches];
                {
                    std::unique_lock lock(mutex_);
                    filled_.wait(lock, [&] { return ends_ || number < published_; });
                    if (ends_) return;
                }
                run_part(batch, job);
                const std::lock_guard lock(mutex_);
                if (--batch.jobs_left == 0) done_.notify_one();
            }
        } catch (...) {
            const std::lock_guard lock(mutex_);
            failure_ = std::current_exception();
            done_.notify_one();
        }
    }

    void run_part(Batch& batch, size_t job) {
        EngineSet& engines = sets_[job];
        for (const uint32_t i : batch.of_job[job]) {
            auto outcome = engines.run(batch.packet(i));
            if (!outcome) {
                const std::lock_guard lock(mutex_);
                batch.differing.emplace_back(i, std::move(outcome).error());
                continue;
            }
            batch.judged[i] = {*outcome, engines.first().ended_at()};
        }
    }

    std::span<EngineSet> sets_;
    const RunHooks& hooks_;
    // Of the reader alone.
    uint64_t given_ = 0;
    bool goes_on_ = true;
    RunEnd end_;
    // Under the mutex; what stands in a batch belongs to the jobs from publish() on until it is
    // done.
    std::mutex mutex_;
    std::condition_variable filled_, done_;
    std::array<Batch, kBatches> batches_;
    uint64_t published_ = 0;
    bool ends_ = false;
    std::exception_ptr failure_;
    std::vector<std::thread> threads_;
};

}  // namespace

RunEnd run_by_crew(CaptureReader& capture, std::span<EngineSet> sets, const RunHooks& hooks) {
    Crew crew(sets, hooks);
    bool goes_on = true;
    capture.before_wait([&] {
        goes_on = crew.drain() && hooks.idle();
        return goes_on;
    });
    RunEnd end;
    for (uint64_t number = 1; goes_on && !capture.stop_asked(); ++number) {
        const auto captured = capture.next();
        if (!captured) end.broken = captured.error();
        if (!captured || !*captured || !goes_on) break;
        if (capture.has_notes()) [[unlikely]]
            hooks.note(capture.take_notes());
        goes_on = crew.add(number, **captured, capture.interfaces());
    }
    capture.before_wait({});
    if (!crew.drain()) return crew.take_end();
    return end;
}

}  // namespace vfm
