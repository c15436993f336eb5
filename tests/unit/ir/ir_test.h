// Programs of these tests are written as assembly, functions compared as print() shows them.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/asm/assembler.h"
#include "core/base/check.h"
#include "core/ir/lift/lift.h"
#include "core/ir/passes/passes.h"
#include "core/verify/verify.h"

namespace vfm::test {

inline Module assembled(std::string_view text) {
    auto module = assemble(std::make_shared<SourceFile>("test", std::string(text)));
    VFM_CHECK(module.has_value(), render(module.error().diagnostics).c_str());
    return std::move(module->module);
}

inline VerifiedModule verified(Module module) {
    auto program = verify(std::move(module));
    VFM_CHECK(program.has_value(), program.error().reason.c_str());
    return *program;
}

inline VerifiedModule verified(std::string_view text) { return verified(assembled(text)); }

inline ir::Function lifted(std::string_view text, const ir::Environment& environment = {}) {
    auto function = ir::lift(verified(text), environment);
    VFM_CHECK(function.has_value(), render(function.error().diagnostics).c_str());
    return std::move(*function);
}

inline ir::Function optimised(std::string_view text, const ir::Environment& environment = {}) {
    ir::Function function = lifted(text, environment);
    ir::optimise(function);
    return function;
}

/// print() without its first line and the places.
inline std::string body_text(const ir::Function& function) {
    std::string text = ir::print(function), result;
    text.erase(0, text.find('\n') + 1);
    while (!text.empty()) {
        std::string line = text.substr(0, text.find('\n'));
        text.erase(0, line.size() + 1);
        line.erase(std::min(line.find(" ; "), line.size()));
        line.erase(line.find_last_not_of(' ') + 1);
        result += line + "\n";
    }
    return result;
}

/// Runs one pass.
template <class Pass>
void run_pass(ir::Function& function, Pass pass) {
    if constexpr (std::is_invocable_v<Pass, ir::Function&>) {
        pass(function);
    } else {
        ir::Work work(function);
        pass(function, work);
    }
}

/// The same after the passes given, in their order.
template <class... Passes>
std::string after(std::string_view text, Passes... passes) {
    ir::Function function = lifted(text);
    (run_pass(function, passes), ...);
    VFM_CHECK(ir::check(function).empty(), ir::check(function).c_str());
    return body_text(function);
}

inline size_t count(const ir::Function& function, ir::Op op) {
    size_t found = 0;
    for (const ir::Block& block : function.blocks)
        for (const ir::ValueId id : block.body) found += function[id].op == op;
    return found;
}

}  // namespace vfm::test
