// The packets that engines are measured on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/run/program.h"

namespace vfm::bench {

/// Zeroed memory in huge pages where the system gives them. Movable.
class Arena {
  public:
    explicit Arena(size_t bytes);
    Arena(Arena&& other) noexcept;
    Arena& operator=(Arena&&) = delete;
    ~Arena();
    uint8_t* data() const { return data_; }

  private:
    uint8_t* data_;
    size_t bytes_;
};

struct Trace {
    std::string name;
    std::string what;  ///< one phrase
    Arena memory;      ///< what `packets` point into; every packet begins a cache line
    std::vector<Packet> packets;
    bool timed = true;      ///< else only for comparing verdicts
    bool shuffled = false;  ///< its order changes before every walk, so that nothing can learn it
    size_t walk = 0;        ///< packets walked between two looks at the clock
};

/// One of trace_names(); `quick` makes it small.
Trace make_trace(std::string_view name, bool quick);

}  // namespace vfm::bench
