// Packets made from the tests of filters: what a filter can tell apart, tried out. `vflispc --lint`
// looks for its witnesses among them, `vfm-test --against OTHER --generate` for a packet that two
// filters judge differently.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/bytes.h"
#include "core/lisp/ast.h"
#include "core/module/module.h"

namespace vfm::lint {

/// One packet of a sequence; what filters remember of it is there for those behind it.
struct Probe {
    Bytes bytes;  ///< from the Ethernet header on
    /// Nanoseconds; never falls within a sequence. Not 0: a bucket of `rate` would be full again.
    uint64_t timestamp = 1'000'000'000'000;
    bool operator==(const Probe&) const = default;
};

/// Packets for one filter, or for two that are to be compared (`b` may be null), as one capture: at
/// most kMostProbes, the same on every call. Each field at, below and above each constant on a path
/// that leads to its test, each shape of headers, both sides of each absence; for filters with
/// state also runs of equal packets and packets that differ in one part of a key.
std::vector<Probe> probes(const lisp::Tree& a, const lisp::Tree* b);

/// The same for modules. Of those that do not carry their VFLisp the constants of the code stand at
/// the places that it reads, in every shape of headers.
std::vector<Probe> probes(const Module& a, const Module* b);

inline constexpr size_t kMostProbes = 200'000;

}  // namespace vfm::lint
