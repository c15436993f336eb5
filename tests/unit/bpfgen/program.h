// Programs for the tests of this room, from assembly or VFLisp.
#pragma once

#include <boost/test/unit_test.hpp>
#include <memory>
#include <string>

#include "bpfgen/object.h"
#include "core/asm/assembler.h"
#include "core/lisp/compile.h"
#include "core/verify/verify.h"

namespace vfm::test {

inline VerifiedModule verified(Module module) {
    auto program = verify_named(std::move(module), "test");
    if (!program) BOOST_FAIL(render(program.error().diagnostics));
    return *std::move(program);
}

inline VerifiedModule assembled(const std::string& text) {
    auto made = assemble(std::make_shared<const SourceFile>("test.vfm", text));
    if (!made) BOOST_FAIL(render(made.error().diagnostics));
    return verified(std::move(made->module));
}

inline bpf::Program generated(const VerifiedModule& program, const bpf::Options& options = {}) {
    auto made = bpf::generate(program, options);
    if (!made) BOOST_FAIL(render(made.error().diagnostics));
    return *std::move(made);
}

/// IPv4, TCP from 10.0.0.1 to a port; zeros else.
inline Bytes tcp_packet(uint16_t port, size_t size) {
    Bytes packet(size);
    packet[12] = 8;
    packet[14] = 0x45;
    packet[23] = 6;
    packet[26] = 10;
    packet[29] = 1;
    packet[36] = static_cast<uint8_t>(port >> 8);
    packet[37] = static_cast<uint8_t>(port);
    packet[46] = 0x50;
    return packet;
}

}  // namespace vfm::test
