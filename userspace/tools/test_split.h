// --accepted and --dropped: the two halves of a capture that is split.
#pragma once

#include <optional>
#include <string>

#include "userspace/io/capture_writer.h"
#include "userspace/tools/test_loop.h"

namespace vfm {

/// Each half only if asked for. Packets with run-time errors and skipped ones go to neither.
class Split {
  public:
    /// Empty paths are halves that nobody wants. Fails with Status::refused.
    Result<> open(const std::string& accepted, const std::string& dropped) {
        if (!accepted.empty()) accepted_.emplace(TRY(CaptureWriter::create(accepted)));
        if (!dropped.empty()) dropped_.emplace(TRY(CaptureWriter::create(dropped)));
        return {};
    }
    void add(const PacketResult& result) {
        if (result.skip != Skip::none || result.outcome.error != ErrorKind::success) return;
        if (auto& half = result.outcome.value != 0 ? accepted_ : dropped_)
            half->write(result.record, result.interfaces);
    }
    void flush() {
        for (auto* half : {&accepted_, &dropped_})
            if (*half) (*half)->flush();
    }
    /// Both files get their names, or none of those that could not be written.
    Result<> commit(const CaptureReader& capture) {
        for (auto* half : {&accepted_, &dropped_})
            if (*half) TRY((*half)->commit(capture.interfaces(), capture.first_link_type()));
        return {};
    }

  private:
    std::optional<CaptureWriter> accepted_, dropped_;
};

}  // namespace vfm
