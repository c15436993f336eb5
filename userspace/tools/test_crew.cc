#include "userspace/tools/test_crew.h"

#include <array>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "userspace/tools/test_jobs.h"

namespace vfm {
namespace {

constexpr size_t kBatchPackets = 1024;
constexpr size_t kBatchBytes = size_t{1} << 20;
constexpr size_t kBatches = 8;  // that are filled, run or given back at once

/// Packets with their bytes, which the reader keeps only until it reads the next one.
struct Batch {
    struct Slot {
        PacketResult result;
        size_t frame_at = 0, record_at = 0;  // in `bytes`
        size_t job = 0;
    };
    std::vector<Slot> slots;
    Bytes bytes;
    size_t jobs_left = 0;
    /// By slot.
    std::vector<std::pair<size_t, Disagreement>> differing;

    bool is_full() const { return slots.size() == kBatchPackets || bytes.size() >= kBatchBytes; }
    void clear() {
        slots.clear();
        bytes.clear();
        differing.clear();
    }
    void add(const PacketResult& result, size_t job) {
        Slot slot{
            .result = result, .frame_at = bytes.size(), .record_at = bytes.size(), .job = job};
        const ByteView frame = result.packet.bytes, record = result.record.bytes;
        bytes.insert(bytes.end(), frame.begin(), frame.end());
        if (frame.data() != record.data()) {
            slot.record_at = bytes.size();
            bytes.insert(bytes.end(), record.begin(), record.end());
        }
        slots.push_back(slot);
    }
    /// Once all bytes are there, and so where they stay.
    void point_at_bytes() {
        for (Slot& slot : slots) {
            const ByteView all = bytes;
            PacketResult& result = slot.result;
            result.packet.bytes = all.subspan(slot.frame_at, result.packet.bytes.size());
            result.record.bytes = all.subspan(slot.record_at, result.record.bytes.size());
        }
    }
};

/// Batches go round: the reader fills one, every job runs its packets of it, the reader gives the
/// results away and fills it again. Numbers of batches count from 0 and never wrap.
class Crew {
  public:
    Crew(std::span<EngineSet> sets, const RunHooks& hooks) : sets_(sets), hooks_(hooks) {
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
    bool add(const PacketResult& result) {
        Batch& batch = filling();
        const size_t job = connection_hash(result.packet.visible()) % sets_.size();
        batch.add(result, job);
        return !batch.is_full() || publish();
    }
    /// Every packet that was added is run and its result given away.
    bool drain() {
        if (!filling().slots.empty()) publish();
        while (goes_on_ && given_ < published_) give_oldest();
        return goes_on_;
    }
    RunEnd take_end() { return std::move(end_); }

  private:
    Batch& filling() { return batches_[published_ % kBatches]; }

    bool publish() {
        filling().point_at_bytes();
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
        for (size_t i = 0; goes_on_ && i < batch.slots.size(); ++i) give(batch, i);
        batch.clear();
        ++given_;
    }

    void give(Batch& batch, size_t slot) {
        const PacketResult& result = batch.slots[slot].result;
        for (auto& [at, how] : batch.differing) {
            if (at != slot) continue;
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
        for (size_t i = 0; i < batch.slots.size(); ++i) {
            Batch::Slot& slot = batch.slots[i];
            PacketResult& result = slot.result;
            if (slot.job != job || result.skip != Skip::none) continue;
            auto outcome = engines.run(result.packet);
            if (!outcome) {
                const std::lock_guard lock(mutex_);
                batch.differing.emplace_back(i, std::move(outcome).error());
                continue;
            }
            judge(result, *outcome, engines);
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
        goes_on = crew.add(unjudged(capture, **captured, number));
    }
    capture.before_wait({});
    if (!crew.drain()) return crew.take_end();
    return end;
}

}  // namespace vfm
