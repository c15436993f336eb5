// Packets changed as packets differ.
#pragma once

#include <vector>

#include "core/base/bytes.h"
#include "tests/harness/rng.h"
#include "userspace/lint/probes.h"

namespace vfm::twins {

using lint::Probe;

/// The version of IP in a frame without tags that is long enough for its header, else 0.
unsigned ip_version(const Bytes& packet);

/// One of `pool` with tags, options, extension headers, parts of other packets, source and
/// destination exchanged, other bytes, its end cut off. 14 bytes at least.
Bytes varied(const std::vector<Probe>& pool, test::Rng& rng);

// Of frames of which ip_version() is not 0; others stay as they are.
/// Exchanges source and destination: MAC addresses, IP addresses, and the ports if no options
/// stand between.
void exchange_ends(Bytes& packet);
/// The source's address, 4 or 16 bytes; of the other version it changes nothing.
void set_source(Bytes& packet, ByteView address);
void set_proto(Bytes& packet, uint8_t proto);
/// The destination's port, if no options stand before it.
void set_port(Bytes& packet, uint16_t port);

}  // namespace vfm::twins
