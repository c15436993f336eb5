// The tools of this room themselves: they read what they write, and they find a wrong engine.
#include <boost/test/unit_test.hpp>
#include <fstream>

#include "core/asm/assembler.h"
#include "tests/engines/case_file.h"
#include "tests/engines/compare.h"
#include "tests/engines/made_program.h"
#include "tests/engines/shrink.h"
#include "tests/engines/table.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(tools_test)

namespace {

Module assembled(const std::string& text) {
    return assemble(std::make_shared<const SourceFile>("t.vfm", text))->module;
}

/// The reference with one mistake: a result above 1000 is one too large. Does not take packets
/// below a length.
class Wrong : public Instance {
  public:
    Wrong(std::unique_ptr<Instance> right, size_t shortest)
        : right_(std::move(right)), shortest_(shortest) {}
    std::string_view name() const override { return "wrong"; }
    Outcome run(const Packet& packet) override {
        if (packet.visible().size() < shortest_) return Outcome::skip();
        Outcome outcome = right_->run(packet);
        if (outcome.value > 1000) ++outcome.value;
        return outcome;
    }
    std::vector<FlowEntry> flows() const override {
        std::vector<FlowEntry> flows = right_->flows();
        for (FlowEntry& entry : flows)
            if (entry.key == 77) ++entry.value;
        return flows;
    }
    std::vector<std::vector<Count>> counters() const override {
        std::vector<std::vector<Count>> counters = right_->counters();
        for (std::vector<Count>& group : counters)
            for (Count& count : group)
                if (count.packets == 3) --count.bytes;
        return counters;
    }
    uint64_t refused_stores() const override { return right_->refused_stores(); }

  private:
    std::unique_ptr<Instance> right_;
    size_t shortest_;
};

constexpr size_t kShortest = 14;

std::vector<EngineKind> with_a_wrong_one() {
    const EngineKind wrong = {
        "wrong",
        "",
        true,
        false,
        [](const VerifiedModule& program,
           const ProgramOptions& /*options*/) -> Result<std::shared_ptr<const Program>> {
            const auto right = TRY(engine_kinds().front().compile(program, {}));
            return MadeProgram::of(
                program, "wrong",
                [right](const InstanceOptions& options) -> Result<std::unique_ptr<Instance>> {
                    return std::make_unique<Wrong>(TRY(right->instantiate(options)), kShortest);
                });
        },
        [] { return std::string(); }};
    return {engine_kinds().front(), wrong};
}

std::optional<Difference> compare(const std::string& text, const std::vector<Bytes>& packets) {
    return Differential(with_a_wrong_one()).run(*verify(assembled(text)), packets);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_wrong_value_is_found) {
    const std::vector<Bytes> packets = {packet_words("tcp dport=80"),
                                        packet_words("udp dport=4000")};
    const auto difference = compare("LD16 36\nRET", packets);
    BOOST_TEST_REQUIRE(difference.has_value());
    BOOST_TEST(difference->packet == 1u);
    BOOST_TEST(difference->what == "4001 (0xfa1) instead of 4000 (0xfa0)");
    BOOST_TEST(!compare("LD8 23\nRET", packets).has_value());
}

BOOST_AUTO_TEST_CASE(a_wrong_flow_table_is_found) {
    const std::vector<Bytes> packets = {packet_words("tcp dport=77")};
    BOOST_TEST(compare("LD16 36\nPUSH 1\nFLOW_STORE\nRET 0", packets)->what ==
               "flow entries 0:0x4d=2 instead of 0:0x4d=1");
    BOOST_TEST(!compare("LD16 34\nPUSH 1\nFLOW_STORE\nRET 0", packets).has_value());
}

BOOST_AUTO_TEST_CASE(a_wrong_counter_is_found) {
    const std::string text = ".counters c\n.counter 1 f a\n.counter 2 f b\nPUSH 1\nCOUNT 0\nRET 0";
    const std::vector<Bytes> packets(3, Bytes(20));
    BOOST_TEST(compare(text, packets)->what == "counters 0:1=3/59 instead of 0:1=3/60");
    BOOST_TEST(!compare(text, {packets[0]}).has_value());
}

// What a skipped packet would have left is expected of nobody, what others leave is.
BOOST_AUTO_TEST_CASE(an_engine_that_skips_packets_is_compared_on_the_others) {
    const std::vector<Bytes> packets = {packet_words("tcp dport=5"), Bytes(9),
                                        packet_words("tcp dport=77")};
    BOOST_TEST(!compare("RAND\nPUSH 1000\nMOD\nRET", packets).has_value());
    BOOST_TEST(!compare(".table t key=u64\nPUSH 7\nPUSH 1\nFLOW_ADD 0\nRET", packets).has_value());
    const auto value = compare("RAND\nPUSH 1000\nOR\nRET", packets);
    BOOST_TEST_REQUIRE(value.has_value());
    BOOST_TEST(value->packet == 0u);
    const auto flow = compare("LD16 36\nPUSH 1\nFLOW_STORE\nRET 0", packets);
    BOOST_TEST_REQUIRE(flow.has_value());
    BOOST_TEST(flow->packet == 2u);
    BOOST_TEST(flow->what == "flow entries 0:0x5=1 0:0x4d=2 instead of 0:0x5=1 0:0x4d=1");
}

BOOST_AUTO_TEST_CASE(a_lazy_engine_is_found) {
    EngineKind lazy = with_a_wrong_one()[1];
    lazy.compile = [](const VerifiedModule&,
                      const ProgramOptions&) -> Result<std::shared_ptr<const Program>> {
        return fail(Diagnostic::about("lazy", "no time at +0x12"), Status::refused);
    };
    Differential differential({engine_kinds().front(), lazy});
    const std::vector<Bytes> packets = {packet_words("tcp")};
    BOOST_TEST(!differential.run(*verify(assembled("RET 1")), packets).has_value());
    BOOST_TEST(differential.lazy(0.5, 0) == "wrong");
    BOOST_TEST(differential.lazy(0, 0) == "");
    BOOST_TEST(differential.summary().find("1 x no time at +N") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_failing_program_becomes_small) {
    const Module big = assembled(
        "LD8 23\nPUSH 6\nJEQ tcp\nLD16 36\nPUSH 7\nADD\nRET\n"
        "tcp:\nHASH5\nPOP\nLD16 34\nPUSH 3\nMUL\nPUSH 99\nPUSH 5\nFLOW_STORE\nRET");
    const std::vector<Bytes> packets = {packet_words("udp"), packet_words("tcp"),
                                        packet_words("arp")};
    const StillFails fails = [](const VerifiedModule& program, const std::vector<Bytes>& few) {
        return Differential(with_a_wrong_one()).run(program, few).has_value();
    };
    const Failing small = shrink({big, packets}, fails);
    BOOST_TEST(small.packets.size() == 1u);
    BOOST_TEST(verify(small.module)->insns().size() == 2u);
    BOOST_TEST(fails(*verify(small.module), small.packets));
}

BOOST_AUTO_TEST_CASE(cases_are_read_as_they_are_written) {
    const Module module = assembled(".table t capacity=5\nLD16 36\nPUSH 1\nFLOW_ADD 0\nRET");
    const std::vector<Bytes> packets = {packet_words("tcp"), packet_words("empty")};
    const std::string path = "cases_are_read_as_they_are_written.vt";
    std::ofstream(path) << case_text(module, packets, reference_outcomes(*verify(module), packets));
    const std::vector<Case> cases = read_cases(path);
    std::remove(path.c_str());
    BOOST_TEST_REQUIRE(cases.size() == 1u);
    BOOST_TEST(cases[0].module.code == module.code);
    BOOST_TEST_REQUIRE(cases[0].packets.size() == 2u);
    BOOST_TEST(cases[0].packets[0].bytes == packets[0]);
    BOOST_TEST(cases[0].packets[0].expected.value == 1u);
    BOOST_TEST((cases[0].packets[1].expected.error == ErrorKind::bounds));
}

BOOST_AUTO_TEST_CASE(bad_cases_are_told) {
    const std::string path = "bad_cases_are_told.vt";
    for (const char* text : {"-- packet tcp\n", "LD8 0\n", "-- asm\nRET 1\n-- packet dcp\n",
                             "-- asm\nRET 1\n-- packet tcp\n-- result x\n", "-- asm\nNONE\n",
                             "-- asm\nRET 1\n-- packet tcp ttx=1\n", "-- asm\nRET 1\n-- nonsense\n",
                             "-- asm\nRET 1\n-- packet tcp\n-- trap WRONG\n"}) {
        std::ofstream(path) << text;
        BOOST_CHECK_THROW(read_cases(path), std::runtime_error);
    }
    std::remove(path.c_str());
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
