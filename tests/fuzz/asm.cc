// Any text: it assembles and its disassembly gives the same bytes, or says where it is wrong.
#include "core/asm/assembler.h"
#include "core/asm/disassembler.h"
#include "tests/fuzz/fuzz.h"

using namespace vfm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto made = assemble(fuzz::text("f.vfm", data, size));
    if (!made) {
        fuzz::check_messages(made.error());
        return 0;
    }
    const std::string shown = disassemble(made->module, {.as_module = made->has_directives});
    const auto again = assemble(std::make_shared<const SourceFile>("again.vfm", shown));
    VFM_CHECK(again.has_value(), "a disassembly assembles");
    VFM_CHECK(again->bytes() == made->bytes(), "to the same bytes");
    const auto program = verify(made->module);
    if (program) fuzz::check_ir(*program);
    return 0;
}
