// What a filter and its twin are compared on.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/module/module.h"
#include "tests/harness/rng.h"
#include "userspace/lint/probes.h"

namespace vfm::twins {

using lint::Probe;

/// The packets of a capture, with its times.
Result<std::vector<Probe>> captured(const std::string& path);

/// One of `pool` changed as packets differ: tags, options, extension headers, parts of other
/// packets, source and destination exchanged, single bytes, the end cut off. 14 bytes at least.
Bytes varied(const std::vector<Probe>& pool, test::Rng& rng);

/// The capture, what lint makes of the filter's tests, `count` varied ones of both and as many
/// random ones, whose clock mostly goes on.
std::vector<Probe> packets_for(std::vector<Probe> capture, const Module& module, size_t count,
                               uint64_t seed);

}  // namespace vfm::twins
