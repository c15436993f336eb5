// --jobs: the capture split by connection over threads, with the results of one job.
//
// Packets of one connection, in both directions, go to one job: what the words of `conn` are made
// of says to which. A job has engines of its own, so a table that no two connections share an entry
// of holds in all jobs together what one job would have; other tables, and RAND, are refused. The
// thread that reads hands out batches of packets and takes the results back in order.
#pragma once

#include <vector>

#include "userspace/tools/test_loop.h"
#include "userspace/tools/test_run.h"

namespace vfm {

inline constexpr unsigned kMostJobs = 256;

/// Why a filter cannot be split, located where it does what forbids it.
Result<> check_split(const Filter& filter, const VerifiedModule& program);

/// The same for both directions of a connection; any number for what is not IP.
uint64_t connection_hash(ByteView packet);

/// The engines of a run, one set a job.
class EngineJobs {
  public:
    /// `jobs` is 1 to kMostJobs; more than one is refused as check_split() says. The rest is as
    /// EngineSet::make() has it.
    static Result<EngineJobs> make(const Filter& filter, const VerifiedModule& program,
                                   std::string_view engine, bool statistics, unsigned jobs);

    /// As run_capture(). With several jobs the engines have run packets behind the one where
    /// EachPacket or a difference ended the run.
    RunEnd run(CaptureReader& capture, const RunHooks& hooks);

    /// Of one job; its instances hold a part of the results, which the functions below join.
    const EngineSet& first() const { return sets_.front(); }
    /// Sorted by table and key. Fails with Status::rejected where one job would have given others:
    /// two jobs met one key, or all jobs together have more entries than a table takes.
    Result<std::vector<FlowEntry>> flows(const Filter& filter) const;
    std::vector<std::vector<Count>> counters() const;
    uint64_t refused_stores() const;
    std::vector<LineCount> line_counts() const;

  private:
    std::vector<EngineSet> sets_;
};

}  // namespace vfm
