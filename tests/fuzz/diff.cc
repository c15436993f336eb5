// A program and a packet through all engines that need no kernel. Input: u32 length of the program,
// little-endian; the program, raw or a module; the packet. What verifies meets no error that the
// verifier excludes, and all engines agree; the packet is run twice, for what flow tables remember.
#include <fmt/core.h>

#include "core/module/module_file.h"
#include "tests/engines/case_file.h"
#include "tests/engines/compare.h"
#include "tests/engines/table.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/module_changes.h"

using namespace vfm;

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed);

/// The packet's bytes change, or the program.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
    test::Rng rng(seed);
    const size_t length = size < 4 ? 0 : load_le<uint32_t>(data);
    if (size < 4 || length > size - 4 || rng.one_in(4))
        return LLVMFuzzerMutate(data, size, max_size);
    const Bytes packet(data + 4 + length, data + size);
    const size_t room = max_size - std::min(max_size, 4 + packet.size());
    if (room < length) return LLVMFuzzerMutate(data, size, max_size);
    const size_t changed = fuzz::change_program(data + 4, length, room, rng);
    Bytes head;
    append_le(head, changed, 4);
    std::ranges::copy(head, data);
    std::ranges::copy(packet, data + 4 + changed);
    return 4 + changed + packet.size();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 4) return 0;
    const ByteView rest(data + 4, size - 4);
    const size_t length = load_le<uint32_t>(data);
    if (length > rest.size()) return 0;
    const auto module = parse_program(rest.first(length), "f.bin");
    if (!module) return 0;
    const auto program = verify(*module);
    if (!program) return 0;
    const Bytes packet(rest.begin() + static_cast<ptrdiff_t>(length), rest.end());
    const std::vector<Bytes> packets = {packet, packet};

    const std::vector<Outcome> outcomes = test::reference_outcomes(*program, packets);
    for (const Outcome& outcome : outcomes)
        VFM_CHECK(outcome.error == ErrorKind::success || outcome.error == ErrorKind::bounds ||
                      outcome.error == ErrorKind::division_by_zero ||
                      outcome.error == ErrorKind::limit,
                  "no error that verification excludes");
    // Few engines: many programs matter more here than every variant of the back end.
    test::Differential differential(
        test::engines_named("jit,jit-registers,batch,batch-avx2,bpf,bpf-tc-cut"));
    if (const auto difference = differential.run(*program, packets)) {
        fmt::print(stderr, "{} on packet {}: {}\n{}", difference->engine, difference->packet,
                   difference->what, test::case_text(*module, packets, outcomes));
        VFM_CHECK(false, "all engines agree");
    }
    return 0;
}
