// Any bytes as a program file: it is read or rejected, what is read is written the same way, and
// what verifies can be explained.
#include <algorithm>

#include "core/asm/disassembler.h"
#include "core/module/module_file.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/module_changes.h"
#include "userspace/interp/stepper.h"

using namespace vfm;

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
    test::Rng rng(seed);
    return fuzz::change_program(data, size, max_size, rng);
}

namespace {

struct Steps final : Tracer {
    uint64_t count = 0;
    void step(const TraceStep&) override { ++count; }
};

/// Whatever a module says of its expressions, a run of it can be traced.
void check_trace(Module module) {
    module.fuel = std::min(module.fuel.value_or(kDefaultFuel), uint64_t{1000});
    const auto program = verify(std::move(module));
    if (!program) return;
    FlowTables tables(program->tables());
    auto stepper = Stepper::make(*program, {}, tables);
    if (!stepper) return;
    Steps steps;
    stepper->trace(&steps);
    const Bytes packet(60, 8);
    stepper->begin({.bytes = packet});
    while (!stepper->step()) continue;
}

}  // namespace

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
    check_trace(*module);
    return 0;
}
