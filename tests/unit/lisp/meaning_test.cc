// What filters mean: single values by hand, and bytecode against the tree evaluator on packets cut
// at every length.
#include <boost/test/unit_test.hpp>

#include <algorithm>

#include "core/lisp/forms.h"
#include "tests/harness/random_packet.h"
#include "tests/unit/lisp/both.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(meaning_test)

namespace {

/// 60 bytes: TCP, 10.1.2.3:4660 to 10.9.8.7:80, flags 0x12, total length 46.
Bytes tcp_packet() {
    Bytes packet(60);
    packet[12] = 8;
    packet[14] = 0x45;
    packet[17] = 46;
    packet[23] = 6;
    std::ranges::copy(Bytes{10, 1, 2, 3, 10, 9, 8, 7, 0x12, 0x34, 0, 80}, packet.begin() + 26);
    packet[47] = 0x12;
    return packet;
}

std::string value_of(const std::string& source, size_t length = 60) {
    return Both(source).run(ByteView(tcp_packet()).first(length));
}

BOOST_AUTO_TEST_CASE(fields) {
    BOOST_TEST(value_of("ethertype") == "2048");
    BOOST_TEST(value_of("ip-len") == "46");
    BOOST_TEST(value_of("proto") == "6");
    BOOST_TEST(value_of("src-ip") == "167838211");
    BOOST_TEST(value_of("(= dst-ip 10.9.8.7)") == "1");
    BOOST_TEST(value_of("src-port") == "4660");
    BOOST_TEST(value_of("dst-port") == "80");
    BOOST_TEST(value_of("tcp-flags") == "18");
    BOOST_TEST(value_of("tcp-flags", 48) == "18");
    BOOST_TEST(value_of("tcp-flags", 47) == "BOUNDS");
    BOOST_TEST(value_of("src-ip", 29) == "BOUNDS");
    BOOST_TEST(value_of("src-ip", 30) == "167838211");
}

BOOST_AUTO_TEST_CASE(arithmetic) {
    BOOST_TEST(value_of("(+ 1 2 3 4)") == "10");
    BOOST_TEST(value_of("(- 3 5)") == "18446744073709551614");
    BOOST_TEST(value_of("(- 1)") == "18446744073709551615");
    BOOST_TEST(value_of("(~ 1)") == "18446744073709551614");
    BOOST_TEST(value_of("(* 0x8000000000000001 2 3)") == "6");
    BOOST_TEST(value_of("(/ -1 2)") == "9223372036854775807");
    BOOST_TEST(value_of("(% 17 5)") == "2");
    BOOST_TEST(value_of("(<< 1 63)") == "9223372036854775808");
    BOOST_TEST(value_of("(<< 1 64)") == "1");
    BOOST_TEST(value_of("(>> -1 -1)") == "1");
    BOOST_TEST(value_of("(^ 5 (& 12 10) (| 1 16))") == "28");
    BOOST_TEST(value_of("(/ 1 0)") == "DIVISION_BY_ZERO");
    BOOST_TEST(value_of("(% 1 (- proto 6))") == "DIVISION_BY_ZERO");
}

BOOST_AUTO_TEST_CASE(truth) {
    BOOST_TEST(value_of("(> -1 1)") == "1");
    BOOST_TEST(value_of("(and 2 3)") == "1");
    BOOST_TEST(value_of("(and 2 0 (/ 1 0))") == "0");
    BOOST_TEST(value_of("(or 0 7 (/ 1 0))") == "1");
    BOOST_TEST(value_of("(or 0 0)") == "0");
    BOOST_TEST(value_of("(and 5)") == "1");
    BOOST_TEST(value_of("(or 0)") == "0");
    BOOST_TEST(value_of("(not 5)") == "0");
    BOOST_TEST(value_of("(not (not 5))") == "1");
    BOOST_TEST(value_of("(if 9 8 (/ 1 0))") == "8");
    BOOST_TEST(value_of("(if 0 (/ 1 0) 7)") == "7");
    BOOST_TEST(value_of("(+ 40 (and 1 2))") == "41");
}

BOOST_AUTO_TEST_CASE(the_first_error_wins) {
    BOOST_TEST(value_of("(+ (/ 1 0) tcp-flags)", 20) == "DIVISION_BY_ZERO");
    BOOST_TEST(value_of("(+ tcp-flags (/ 1 0))", 20) == "BOUNDS");
    BOOST_TEST(value_of("(* 0 tcp-flags)", 20) == "BOUNDS");
    BOOST_TEST(value_of("(and 0 tcp-flags)", 20) == "0");
}

BOOST_AUTO_TEST_CASE(counting_goes_on_from_packet_to_packet) {
    Both both("(+ (* 100 (count-by src-ip)) (count-by (+ proto (count-by 7))))");
    const Bytes packet = tcp_packet();
    BOOST_TEST(both.run(packet) == "101");
    BOOST_TEST(both.run(packet) == "201");
    both.compare_flows();
    // Updates before an error stay.
    Both failing("(+ (count-by 1) tcp-flags (count-by 2))");
    BOOST_TEST(failing.run(ByteView(packet).first(20)) == "BOUNDS");
    BOOST_TEST(failing.run(packet) == "21");
    failing.compare_flows();
}

BOOST_AUTO_TEST_CASE(deep_and_far) {
    const Bytes packet = tcp_packet();
    const auto deep = [](std::string_view open, std::string_view inner, std::string_view close,
                         size_t n) {
        return repeat(open, n) + std::string(inner) + repeat(close, n);
    };
    BOOST_TEST(value_of(deep("(not ", "0", ")", 999)) == "1");
    BOOST_TEST(value_of(deep("(- ", "1", ")", 1000)) == "1");
    BOOST_TEST(value_of(deep("(+ 1 ", "1", ")", 255)) == "256");
    BOOST_TEST(value_of(deep("(if proto ", "5", " 9)", 1000)) == "5");
    BOOST_TEST(value_of(deep("(if (not proto) 9 ", "5", ")", 500)) == "5");

    const std::string misses = repeat("(= dst-port 8080) ", 6800);
    Both far_or("(or (= proto 17) " + misses + "(= dst-port 80))");
    BOOST_TEST(far_or.run(packet) == "1");
    BOOST_TEST(far_or.run(ByteView(packet).first(36)) == "BOUNDS");
    Both far_and("(+ 5 (and " + repeat("(= dst-port 80) ", 6800) + "))");
    BOOST_TEST(far_and.run(packet) == "6");
    Bytes other = packet;
    other[37] = 81;
    BOOST_TEST(far_and.run(other) == "5");

    const std::string sum = "(+ " + repeat("proto ", 8000) + ")";
    for (const std::string& filter :
         {"(if proto " + sum + " " + sum + ")", "(- (if proto " + sum + " " + sum + "))",
          "(if (and proto (or (not proto) " + sum + ")) (- " + sum + ") 3)",
          "(not " + deep("(if dst-port ", sum, " (- proto dst-port))", 900) + ")"}) {
        Both both(filter);
        both.run(packet);
        both.run(Bytes(60));
        other[23] = 0;
        both.run(other);
    }
}

/// A filter made from the tables of forms and fields.
std::string random_filter(Rng& rng, unsigned depth) {
    if (depth == 0 || rng.one_in(5)) {
        if (rng.one_in(2))
            return std::string(lisp::all_fields()[rng.below(lisp::all_fields().size())].name);
        return fmt::format(
            "{}", rng.pick<uint64_t>({0, 0, 1, 2, 6, 17, 63, 64, 80, 255, 65535, 0x0a000001,
                                      uint64_t{1} << 32, uint64_t{1} << 63, UINT64_MAX}));
    }
    const lisp::FormInfo& form = rng.pick(lisp::all_forms());
    if (!form.takes_expressions()) return random_filter(rng, depth);
    const uint64_t most = form.max == lisp::kMany ? form.min + 2 : form.max;
    const uint64_t count = form.min + rng.below(most - form.min + 1);
    std::string out = fmt::format("({}", form.name);
    for (uint64_t i = 0; i < count; ++i) out += " " + random_filter(rng, depth - 1);
    return out + ")";
}

BOOST_AUTO_TEST_CASE(bytecode_means_what_the_tree_means) {
    constexpr uint64_t kSeed = 20260611;
    for (uint64_t index = 0; index < 1500; ++index) {
        Rng rng(kSeed, index);
        const std::string source = random_filter(rng, 1 + static_cast<unsigned>(rng.below(5)));
        BOOST_TEST_CONTEXT("seed " << kSeed << " index " << index) {
            Both both(source);
            Bytes packet = tcp_packet();
            for (size_t length = 0; length <= 50; ++length)
                both.run(ByteView(packet).first(length));
            for (int i = 0; i < 20; ++i) {
                packet = random_packet(rng);
                both.run(packet);
            }
            both.compare_flows();
        }
    }
}

/// As above with every branch far: the same small filters between long pieces of code.
BOOST_AUTO_TEST_CASE(far_branches_mean_what_the_tree_means) {
    constexpr uint64_t kSeed = 7;
    const std::string filler = "(+ " + repeat("0 ", 9000) + ")";
    for (uint64_t index = 0; index < 60; ++index) {
        Rng rng(kSeed, index);
        std::string source = random_filter(rng, 3);
        for (int i = 0; i < 6; ++i) {
            const std::string side = i == 3 ? filler : random_filter(rng, 2);
            switch (rng.below(5)) {
                case 0:
                    source = fmt::format("(if {} {} {})", random_filter(rng, 2), source, side);
                    break;
                case 1:
                    source = fmt::format("(if {} {} {})", random_filter(rng, 2), side, source);
                    break;
                case 2:
                    source = fmt::format("(and {} {} {})", random_filter(rng, 2), side, source);
                    break;
                case 3:
                    source = fmt::format("(or {} {} {})", random_filter(rng, 2), side, source);
                    break;
                default:
                    source = fmt::format("(+ {} (not {}))", side, source);
                    break;
            }
        }
        source = fmt::format("(or {} {} {})", random_filter(rng, 2), source,
                             "(+ " + repeat("0 ", 8000) + ")");
        BOOST_TEST_CONTEXT("seed " << kSeed << " index " << index) {
            Both both(source);
            const Bytes packet = tcp_packet();
            for (const size_t length : {0, 13, 14, 24, 30, 36, 38, 47, 48, 60})
                both.run(ByteView(packet).first(length));
            for (int i = 0; i < 20; ++i) both.run(random_packet(rng));
        }
    }
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
