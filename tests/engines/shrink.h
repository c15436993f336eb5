// Makes a failing program and its packets smaller for as long as they still fail.
#pragma once

#include <functional>
#include <vector>

#include "core/verify/verify.h"

namespace vfm::test {

struct Failing {
    Module module;
    std::vector<Bytes> packets;
};

/// True if the program still shows the failure on these packets.
using StillFails =
    std::function<bool(const VerifiedModule& program, const std::vector<Bytes>& packets)>;

/// Drops packets and instructions, makes constants small, shortens and zeroes packets. Every
/// program that is tried has passed verification. At most `tries` calls of `fails`.
Failing shrink(Failing failing, const StillFails& fails, unsigned tries = 4000);

}  // namespace vfm::test
