// What the tests of vector code and of bursts share.
#pragma once

#include <boost/test/unit_test.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/lisp/compile.h"
#include "core/run/program.h"
#include "core/verify/verify.h"
#include "userspace/interp/interpreter.h"

namespace vfm::test {

inline VerifiedModule compiled(std::string_view lisp) {
    auto source = std::make_shared<const SourceFile>("test", std::string(lisp));
    auto made = lisp::compile(std::move(source));
    BOOST_TEST_REQUIRE(made.has_value(), lisp);
    auto program = verify_named(std::move(made->module), "test");
    BOOST_TEST_REQUIRE(program.has_value(), lisp);
    return *std::move(program);
}

inline std::vector<Packet> views_of(std::span<const Bytes> packets) {
    std::vector<Packet> views;
    for (const Bytes& packet : packets) views.push_back({.bytes = packet});
    return views;
}

/// What the interpreter gives for each packet in turn.
inline std::vector<Outcome> reference(const VerifiedModule& program,
                                      std::span<const Packet> packets) {
    auto interpreter = instance_of(interpreter_program(program));
    BOOST_TEST_REQUIRE(interpreter.has_value());
    std::vector<Outcome> outcomes;
    for (const Packet& packet : packets) outcomes.push_back((*interpreter)->run(packet));
    return outcomes;
}

}  // namespace vfm::test
