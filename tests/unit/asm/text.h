// Assembling texts in tests.
#pragma once

#include <boost/test/unit_test.hpp>

#include "core/asm/assembler.h"

namespace vfm::test {

inline Result<Assembly> assembled(std::string text) {
    return assemble(std::make_shared<const SourceFile>("f.vfm", std::move(text)));
}

inline Assembly good(std::string text) {
    auto result = assembled(std::move(text));
    BOOST_REQUIRE_MESSAGE(result.has_value(), (result ? "" : render(result.error().diagnostics)));
    return *std::move(result);
}

inline std::string code_of(std::string text) { return hex(good(std::move(text)).module.code); }

/// "LINE:COL message | LINE:COL message", without hints.
inline std::string errors_of(std::string text) {
    const auto result = assembled(std::move(text));
    if (result) return "none";
    std::string out;
    for (const Diagnostic& d : result.error().diagnostics) {
        if (!out.empty()) out += " | ";
        if (d.source) {
            const Position at = d.source->position(d.span.begin);
            out += std::to_string(at.line) + ":" + std::to_string(at.column) + " ";
        }
        out += d.message;
    }
    return out;
}

inline std::string hint_of(std::string text) {
    const auto result = assembled(std::move(text));
    return result ? "none" : result.error().diagnostics.at(0).hint;
}

}  // namespace vfm::test
