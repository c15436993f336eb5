// Questions to live sets, which are maps that change while the program runs.
#pragma once

#include <span>

#include "bpfgen/builder.h"
#include "bpfgen/lookup/word.h"
#include "bpfgen/maps.h"

namespace vfm::bpf {

/// 1 if the key, of one word or of two, the upper first, is a member of a set of `width` bits now,
/// else 0.
VReg is_in_live_set(Builder& b, const LiveSetMaps& set, unsigned width, std::span<const Word> key);

}  // namespace vfm::bpf
