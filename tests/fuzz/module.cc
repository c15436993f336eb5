// Any bytes as a program file: it is read or rejected, and what is read is written the same way.
#include "core/asm/disassembler.h"
#include "core/module/module_file.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/module_changes.h"

using namespace vfm;

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
    test::Rng rng(seed);
    return fuzz::change_program(data, size, max_size, rng);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const ByteView bytes(data, size);
    const auto module = parse_program(bytes, "f.bin");
    if (!module) {
        fuzz::check_messages(module.error());
        return 0;
    }
    const auto again = parse_program(module_bytes(*module), "again.bin");
    VFM_CHECK(again.has_value(), "what was written can be read");
    VFM_CHECK(*again == *module, "and is the same");
    disassemble(*module, {.source = true});
    const auto program = verify(*module);
    if (program) fuzz::check_ir(*program);
    return 0;
}
