// C handles that free themselves, and programs as bytes, for the tests of the C API.
#pragma once

#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/asm/assembler.h"
#include "userspace/capi/vfm.h"

namespace vfm::test {

struct Free {
    void operator()(vfm_state_t* vm) const { vfm_destroy(vm); }
    void operator()(vfm_program_t* program) const { vfm_program_destroy(program); }
    void operator()(uint8_t* bytecode) const { std::free(bytecode); }
};
using Vm = std::unique_ptr<vfm_state_t, Free>;
using Program = std::unique_ptr<vfm_program_t, Free>;

/// Bytecode, or a module if the text has directives. The text must assemble, not verify.
inline Bytes assembled(const std::string& text) {
    const auto assembly = assemble(std::make_shared<SourceFile>("test", text));
    if (!assembly) BOOST_FAIL(render(assembly.error().diagnostics));
    return assembly->bytes();
}

inline int load(const Vm& vm, const Bytes& program) {
    return vfm_load_program(vm.get(), program.data(), static_cast<uint32_t>(program.size()));
}

/// True where the tests run a second time (`test_capi -- jit`), with native code.
inline bool wants_jit() {
    const auto& suite = boost::unit_test::framework::master_test_suite();
    return suite.argc > 1 && std::string(suite.argv[1]) == "jit";
}

/// A VM without a program.
inline Vm new_vm() {
    Vm vm(vfm_create());
    BOOST_REQUIRE(vm);
    if (wants_jit() && vfm_enable_jit(vm.get()) != VFM_SUCCESS)
        BOOST_TEST_MESSAGE("skipped: " << vfm_error_message(vm.get()));
    return vm;
}

inline Vm vm_with(const Bytes& program) {
    Vm vm = new_vm();
    const int code = load(vm, program);
    if (code != VFM_SUCCESS) BOOST_FAIL(vfm_error_message(vm.get()));
    return vm;
}
inline Vm vm_with(const std::string& text) { return vm_with(assembled(text)); }

inline int run(const Vm& vm, const std::vector<uint8_t>& packet = {}) {
    return vfm_execute(vm.get(), packet.data(), static_cast<uint16_t>(packet.size()));
}

}  // namespace vfm::test
