// Programs whose ways the kernel's verifier would follow one by one, were what it need not know of
// a value not hidden from it.
#include <fmt/core.h>

#include "bpfgen/predict/predict.h"
#include "tests/unit/bpfgen/program.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(merged_values_test)
namespace {

// A test of a field each, behind it a piece that changes what is on the stack.
template <class Piece>
std::string diamonds(unsigned count, Piece piece) {
    std::string text = "LD32 26\n";
    for (unsigned i = 0; i < count; ++i)
        text +=
            fmt::format("LD16 {}\nPUSH16 {}\nJLE l{}\n{}l{}:\n", i % 30, 1000 + i, i, piece(i), i);
    return text + "RET\n";
}

constexpr uint64_t kFew = 60'000;

uint64_t processed(const std::string& text, Care care = Care::where_needed) {
    return predict(test::generated(test::assembled(text), {.frames = Frames::linear, .care = care}))
        .processed.value();
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_becomes_an_offset_has_met_on_many_ways) {
    const std::string text = diamonds(60, [](unsigned i) {
        return i % 2 == 0 ? fmt::format("PUSH8 {}\nSHR\n", 1 + i % 5)
                          : fmt::format("DUP\nPUSH8 15\nAND\nLDX8 {}\nXOR\n", i % 20);
    });
    BOOST_TEST(processed(text, Care::never) > kFew);
    BOOST_TEST(processed(text) < kFew);
}

// Each way through the headers has other numbers in it.
BOOST_AUTO_TEST_CASE(what_becomes_an_offset_was_made_of_numbers) {
    std::string text = "LD32 26\nHDR 4\nXOR\nHDR 1\nADD\nHDR 5\nXOR\nHDR 6\nXOR\n";
    for (unsigned i = 0; i < 1000; ++i)
        text += fmt::format("DUP\nPUSH8 15\nAND\nLDX16 {}\nXOR\n", i % 20);
    BOOST_TEST(processed(text + "RET\n", Care::never) > kFew);
    BOOST_TEST(processed(text + "RET\n") < kFew);
}

// The key of a live set lies where keys of three words lie, but in other pieces.
BOOST_AUTO_TEST_CASE(keys_of_live_sets_are_written_in_whole_slots) {
    const std::string text =
        ".table t key=u64,u64,u64 capacity=1000\n.set s width=64 live\n.member 5\n" +
        diamonds(40, [](unsigned i) {
            return i % 2 == 0 ? fmt::format("LD16 {}\nIN 0\nADD\n", i)
                              : fmt::format("DUP\nDUP\nPUSH8 {}\nPUSH8 3\nFLOW_SET 0\n", i);
        });
    BOOST_TEST(processed(text) < kFew);
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
