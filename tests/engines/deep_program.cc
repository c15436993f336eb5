#include "tests/engines/deep_program.h"

#include <fmt/core.h>

namespace vfm::test {
namespace {

class DeepProgram {
  public:
    DeepProgram(Rng& rng, bool loops) : rng_(rng), loops_(loops) {}

    std::string make() {
        const uint64_t values = 40 + rng_.below(211);
        for (uint64_t i = 0; i < values; ++i) {
            load();
            if (rng_.one_in(12)) step();
        }
        for (uint64_t i = 5 + rng_.below(20); i-- > 0;) step();
        for (uint64_t i = 1; i < values; ++i) {
            binary();
            if (rng_.one_in(12)) step();
        }
        return text_ + "RET\n";
    }

  private:
    void line(std::string_view text) { text_ += fmt::format("{}\n", text); }
    void load() { line(fmt::format("{} {}", rng_.pick({"LD8", "LD16", "LD32"}), rng_.below(60))); }
    void binary() { line(rng_.pick({"ADD", "SUB", "MUL", "AND", "OR", "XOR", "EQ", "LT"})); }

    // Changes what is on top, sometimes on one of two ways only.
    void step() {
        if (loops_ && rng_.one_in(6)) return loop();
        switch (rng_.below(6)) {
            case 0:
                load();
                binary();
                return;
            case 1:
                line(rng_.pick({"NOT", "NEG", "DUP\nMUL", "LEN\nXOR", "HASH5\nADD"}));
                return;
            case 2:
                line(rng_.pick({"DUP\nFLOW_GET 0\nXOR", "DUP\nPUSH8 1\nFLOW_ADD 0\nXOR"}));
                return;
            case 3:
                line("PUSH8 15\nAND\nLDX16 20");
                return;
            default:
                break;
        }
        const uint64_t label = labels_++;
        load();
        line(fmt::format("PUSH8 {}\n{} l{}", rng_.below(256), rng_.pick({"JEQ", "JGT", "JNE"}),
                         label));
        for (uint64_t i = rng_.below(3); i-- > 0;) step();
        line(fmt::format("l{}:", label));
    }

    // The same, some times over. How often is counted above it.
    void loop() {
        const uint64_t label = labels_++;
        line(fmt::format("PUSH8 {}\nl{}:\nSWAP", 1 + rng_.below(5), label));
        for (uint64_t i = 1 + rng_.below(2); i-- > 0;) step();
        line(fmt::format("SWAP\nPUSH8 1\nSUB\nDUP\nPUSH8 0\nJNE l{}\nPOP", label));
    }

    Rng& rng_;
    const bool loops_;
    std::string text_;
    uint64_t labels_ = 0;
};

}  // namespace

std::string deep_program(Rng& rng, bool loops) { return DeepProgram(rng, loops).make(); }

}  // namespace vfm::test
