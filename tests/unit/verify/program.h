// Programs for tests, written as assembly.
#pragma once

#include <boost/test/unit_test.hpp>

#include "core/asm/assembler.h"
#include "core/verify/verify.h"

namespace vfm::test {

inline Module program(std::string text) {
    auto assembled = assemble(std::make_shared<const SourceFile>("test", std::move(text)));
    BOOST_REQUIRE_MESSAGE(assembled.has_value(),
                          (assembled ? "" : render(assembled.error().diagnostics)));
    return std::move(assembled->module);
}

inline Module raw(Bytes code) {
    Module module;
    module.code = std::move(code);
    return module;
}

inline VerifiedModule verified(Module module) {
    auto result = verify(std::move(module));
    BOOST_REQUIRE_MESSAGE(result.has_value(), (result ? "" : result.error().reason));
    return *std::move(result);
}

}  // namespace vfm::test
