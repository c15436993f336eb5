// Any bytes as a raw program: verification ends, and what it accepts has a disassembly that
// assembles to the same bytes and a well-formed IR.
#include "core/asm/assembler.h"
#include "core/asm/disassembler.h"
#include "tests/fuzz/fuzz.h"

using namespace vfm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Module module;
    module.code.assign(data, data + size);
    const std::string shown = disassemble(module, {.offsets = true, .hex = true});
    const auto program = verify(module);
    if (!program) {
        VFM_CHECK(!render(program.error().diagnostic("f.bin")).empty(), "a rejection has a text");
        VFM_CHECK(size == 0 || program.error().offset < size, "and an offset in the program");
        return 0;
    }
    VFM_CHECK(!shown.empty(), "a program has a disassembly");
    const auto again = assemble(std::make_shared<const SourceFile>("f.vfm", disassemble(module)));
    VFM_CHECK(again && again->module.code == module.code, "that assembles to the same bytes");
    fuzz::check_ir(*program);
    return 0;
}
