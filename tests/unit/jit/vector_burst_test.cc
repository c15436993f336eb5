// Bursts give what the scalar code gives, in every length of burst and of packet, and read nothing
// outside a packet.
#include <sys/mman.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <string>
#include <vector>

#include "core/ir/lift/lift.h"
#include "core/ir/native/native_passes.h"
#include "tests/harness/random_packet.h"
#include "tests/unit/jit/vector_support.h"
#include "userspace/jit/burst/burst_code.h"
#include "userspace/jit/native_program.h"
#include "userspace/jit/x64/cpu.h"

BOOST_AUTO_TEST_SUITE(vector_burst_test)

using namespace vfm;
using namespace vfm::test;
using namespace vfm::jit;

namespace {

std::vector<BurstVariant> variants() {
    std::vector<BurstVariant> result = {BurstVariant::scalar};
    if (Cpu::host().avx2) result.push_back(BurstVariant::avx2);
    if (Cpu::host().avx512) result.push_back(BurstVariant::avx512);
    return result;
}

ir::Function optimised(const VerifiedModule& program) {
    auto function = ir::lift(program);
    BOOST_TEST_REQUIRE(function.has_value());
    ir::optimise_for_native(*function);
    return *std::move(function);
}

/// Bursts of one filter, in every variant.
class Bursts {
  public:
    explicit Bursts(std::string_view lisp) : Bursts(compiled(lisp)) {}
    explicit Bursts(VerifiedModule program) : program_(std::move(program)) {
        auto native = NativeProgram::compile(program_);
        BOOST_TEST_REQUIRE(native.has_value());
        native_ = *std::move(native);
        const ir::Function function = optimised(program_);
        for (const BurstVariant variant : variants())
            codes_.emplace_back(program_, function, variant);
    }

    const VerifiedModule& program() const { return program_; }
    bool is_vector() const { return codes_.back().variant() != BurstVariant::scalar; }

    void check(std::span<const Packet> packets) {
        const std::vector<Outcome> expected = reference(program_, packets);
        for (const BurstCode& code : codes_) {
            FlowTables tables(program_.tables());
            RunState state;
            state.tables = tables.data();
            // One outcome more, which must stay.
            std::vector<Outcome> results(packets.size() + 1, Outcome::skip());
            code.run(native_->function(), state, packets, std::span(results).first(packets.size()));
            BOOST_TEST(results.back().skipped);
            for (size_t i = 0; i < packets.size(); ++i)
                BOOST_REQUIRE_MESSAGE(results[i] == expected[i],
                                      "packet " << i << " of " << packets.size() << ", "
                                                << packets[i].bytes.size() << " bytes");
        }
    }

  private:
    VerifiedModule program_;
    std::shared_ptr<const NativeProgram> native_;
    std::vector<BurstCode> codes_;
};

constexpr std::string_view kFilters[] = {
    "(and (= ethertype 0x0800) (= proto 6) (or (= dst-port 80) (= dst-port 443)))",
    "(= proto 6)",
    "(+ src-ip tcp-flags)",
    "(if (= proto 6) (/ 1 0) (<< src-ip 8))",
    "(if (= ethertype 0x0800) (<= (count-by src-ip) 2) (count-by proto))",
    "(/ src-ip (- tcp-flags 2))",
    "5",
};

/// A page whose neighbours cannot be read.
class LonelyPage {
  public:
    LonelyPage() : size_(static_cast<size_t>(sysconf(_SC_PAGESIZE))) {
        void* at = mmap(nullptr, 3 * size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        BOOST_TEST_REQUIRE(at != MAP_FAILED);
        all_ = static_cast<uint8_t*>(at);
        BOOST_TEST_REQUIRE(mprotect(all_ + size_, size_, PROT_READ | PROT_WRITE) == 0);
    }
    LonelyPage(const LonelyPage&) = delete;
    LonelyPage& operator=(const LonelyPage&) = delete;
    ~LonelyPage() { munmap(all_, 3 * size_); }

    ByteView at_end(ByteView bytes) { return put(bytes, size_ - bytes.size()); }
    ByteView at_begin(ByteView bytes) { return put(bytes, 0); }

  private:
    ByteView put(ByteView bytes, size_t at) {
        if (!bytes.empty()) std::memcpy(all_ + size_ + at, bytes.data(), bytes.size());
        return {all_ + size_ + at, bytes.size()};
    }

    size_t size_;
    uint8_t* all_ = nullptr;
};

}  // namespace

BOOST_AUTO_TEST_CASE(bursts_of_every_length) {
    Rng rng(1);
    std::vector<Bytes> packets;
    for (unsigned i = 0; i < 300; ++i) packets.push_back(random_packet(rng));
    const std::vector<Packet> views = views_of(packets);
    for (const std::string_view lisp : kFilters) {
        Bursts bursts(lisp);
        for (size_t count = 0; count <= views.size(); count += count < 70 ? 1 : 23)
            bursts.check(std::span(views).first(count));
    }
}

BOOST_AUTO_TEST_CASE(short_packets_among_long_ones) {
    Rng rng(2);
    for (const std::string_view lisp : kFilters) {
        Bursts bursts(lisp);
        for (const unsigned one_in : {1, 2, 16, 60}) {
            std::vector<Bytes> packets;
            for (unsigned i = 0; i < 200; ++i) {
                Bytes packet = random_packet(rng);
                packet.resize(60);
                if (rng.one_in(one_in)) packet.resize(rng.below(60));
                packets.push_back(std::move(packet));
            }
            bursts.check(views_of(packets));
        }
    }
}

BOOST_AUTO_TEST_CASE(packets_of_every_length_and_an_empty_one_from_nowhere) {
    Rng rng(3);
    std::vector<Bytes> packets;
    for (unsigned length = 0; length < 64; ++length) {
        packets.push_back(random_packet(rng));
        packets.back().resize(length);
    }
    packets.push_back(Bytes(70'000, 6));
    std::vector<Packet> views = views_of(packets);
    views.push_back({});
    for (const std::string_view lisp : kFilters) Bursts(lisp).check(views);
}

BOOST_AUTO_TEST_CASE(nothing_outside_a_packet_is_read) {
    Rng rng(4);
    std::vector<LonelyPage> pages(20);
    for (const std::string_view lisp : kFilters) {
        Bursts bursts(lisp);
        for (unsigned length = 0; length < 70; ++length) {
            std::vector<Packet> views;
            for (size_t i = 0; i < pages.size(); ++i) {
                Bytes packet = random_packet(rng);
                packet.resize(i == 3 ? 64 : length);
                views.push_back(
                    {.bytes = i % 2 == 0 ? pages[i].at_end(packet) : pages[i].at_begin(packet)});
            }
            bursts.check(views);
        }
    }
}

BOOST_AUTO_TEST_CASE(lengths_are_of_what_a_program_sees) {
    const Bytes large(70'000, 1);
    std::vector<Packet> packets(40, Packet{.bytes = large});
    for (size_t i = 0; i < packets.size(); ++i) packets[i].bytes = ByteView(large).first(i * 1700);
    // Compared lengths: those that all long packets have, and others.
    Bursts("(if (= proto 1) ip-len 0)").check(packets);
}

BOOST_AUTO_TEST_CASE(a_load_where_no_packet_is) {
    // LD32 65533; RET
    Module module;
    module.code = {2, 0xfd, 0xff, 22};
    auto program = verify_named(std::move(module), "test");
    BOOST_TEST_REQUIRE(program.has_value());
    const Bytes large(70'000, 1);
    Bursts(*std::move(program)).check(std::vector<Packet>(40, Packet{.bytes = large}));
}

BOOST_AUTO_TEST_CASE(the_variant_is_the_best_that_there_is) {
    const bool vectors = variants().size() > 1;
    BOOST_TEST(Bursts("(= proto 6)").is_vector() == vectors);
    BOOST_TEST(Bursts("(count-by src-ip)").is_vector() == vectors);
    BOOST_TEST(!Bursts("(/ src-ip proto)").is_vector());
}

// Each way with the key of the first access that it comes to, if that is of the same table.
BOOST_AUTO_TEST_CASE(keys_are_known_before_a_packet_is_run) {
    const struct {
        std::string_view lisp;
        uint64_t key;
    } cases[] = {{"(count-by src-ip)", 0x0a000001},
                 {"(+ (count-by (+ proto 1)) (count-by src-ip))", 7},
                 {"(if (= proto 6) (+ 1 (count-by src-ip)) (count-by src-ip))", 0x0a000001},
                 {"(if (= proto 6) 1 (count-by src-ip))", 0},
                 {"(+ (/ 1 (- proto 6)) (count-by src-ip))", 0}};
    Bytes packet(60);
    packet[23] = 6;
    packet[26] = 10;
    packet[29] = 1;
    packet[37] = 80;
    for (const auto& [lisp, key] : cases) {
        const VerifiedModule program = compiled(lisp);
        const auto code = KeyCode::make(program, optimised(program));
        BOOST_TEST_REQUIRE(code);
        RunState state;
        BOOST_TEST(code->table() == 0u);
        BOOST_TEST(code->function()(packet.data(), packet.size(), &state).value == key, lisp);
        BOOST_TEST(code->function()(packet.data(), 20, &state).value == 0u, lisp);
    }
    const VerifiedModule without = compiled("(= proto 6)");
    BOOST_TEST(!KeyCode::make(without, optimised(without)));
}

BOOST_AUTO_TEST_CASE(large_tables) {
    Rng rng(6);
    std::vector<Bytes> packets;
    for (unsigned i = 0; i < 120'000; ++i) {
        packets.push_back(Bytes(60));
        for (size_t byte = 26; byte < 30; ++byte)
            packets.back()[byte] = static_cast<uint8_t>(rng.below(byte < 28 ? 256 : 32));
    }
    const std::vector<Packet> views = views_of(packets);
    for (const char* lisp : {"(count-by src-ip)", "(+ (count-by src-ip) (count-by src-ip))"}) {
        Module module = compiled(lisp).module();
        for (TableDecl& table : module.tables) table.capacity = 1 << 20;
        auto program = verify_named(std::move(module), "test");
        BOOST_TEST_REQUIRE(program.has_value());
        Bursts(*std::move(program)).check(views);
    }
}

BOOST_AUTO_TEST_SUITE_END()
