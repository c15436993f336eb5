// A program and a packet through all engines that need no kernel. Input: u32 length of the code,
// little-endian; the code; the packet. What verifies meets no error that the verifier excludes, and
// all engines agree; the packet is run twice, for what flow tables remember.
#include <fmt/core.h>

#include "tests/engines/case_file.h"
#include "tests/engines/compare.h"
#include "tests/engines/table.h"
#include "tests/fuzz/fuzz.h"

using namespace vfm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 4) return 0;
    const ByteView rest(data + 4, size - 4);
    const size_t length = load_le<uint32_t>(data);
    if (length > rest.size()) return 0;
    Module module;
    module.code.assign(rest.begin(), rest.begin() + static_cast<ptrdiff_t>(length));
    const auto program = verify(module);
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
                   difference->what, test::case_text(module, packets, outcomes));
        VFM_CHECK(false, "all engines agree");
    }
    return 0;
}
