#include "bpfgen/listing.h"

#include "tests/unit/bpfgen/program.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(listing_test)

namespace {

BOOST_AUTO_TEST_CASE(a_listing_shows_source_lines_and_map_names) {
    auto compiled = lisp::compile(std::make_shared<const SourceFile>(
        "count.vfl", "(and (= proto 6)\n     (< (count-by src-ip) 100))\n"));
    BOOST_TEST_REQUIRE(compiled.has_value());
    const std::string listing =
        print_listing(test::generated(test::verified(std::move(compiled->module))));
    BOOST_TEST(listing.contains("; count.vfl:1: (and (= proto 6)\n"));
    BOOST_TEST(listing.contains("; count.vfl:2:      (< (count-by src-ip) 100))\n"));
    BOOST_TEST(listing.contains("r1 = map src_ip\n"));
    BOOST_TEST(listing.contains("     0: r7 = *(u32 *)(r1 +0)\n"));
}

BOOST_AUTO_TEST_CASE(bytecode_without_source_is_its_own_source) {
    VerifiedModule program = test::assembled("LD8 23\nPUSH 6\nEQ\nRET\n");
    const std::string listing = print_listing(test::generated(program));
    BOOST_TEST(listing.contains("; bytecode:1: +0x0  LD8 23\n"));
    BOOST_TEST(listing.contains("+0xd  RET\n"));
}

}  // namespace

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
