#include <boost/test/unit_test.hpp>

#include "core/base/text.h"

BOOST_AUTO_TEST_SUITE(text_test)

using namespace vfm;

namespace {

void is(std::string_view text, uint64_t value) {
    const ParsedNumber number = parse_number(text);
    BOOST_TEST(number.value.has_value(), text);
    if (number.value) BOOST_TEST(*number.value == value, text);
}

void is_no(std::string_view text, NumberError error) {
    const ParsedNumber number = parse_number(text);
    BOOST_TEST(!number.value.has_value(), text);
    BOOST_TEST((number.error == error), text);
}

}  // namespace

BOOST_AUTO_TEST_CASE(numbers) {
    is("0", 0);
    is("18446744073709551615", UINT64_MAX);
    is("007", 7);
    is("0xFf", 255);
    is("0Xffffffffffffffff", UINT64_MAX);
    is("0b101", 5);
    is("0B1", 1);
    is("10.1.2.3", 0x0a010203);
    is("255.255.255.255", 0xffffffff);
}

BOOST_AUTO_TEST_CASE(too_large_is_not_malformed) {
    is_no("18446744073709551616", NumberError::out_of_range);
    is_no("0x10000000000000000", NumberError::out_of_range);
    is_no("10.0.0.256", NumberError::out_of_range);
    is_no("10.0.0.99999999999999999999999", NumberError::out_of_range);
}

BOOST_AUTO_TEST_CASE(no_numbers) {
    for (const std::string_view text : {"", "-1", "+1", "0x", "0b", "0b2", "0xg", "1a", " 1", "1 ",
                                        "1.2.3", "1.2.3.4.5", "1..2.3", ".1.2.3", "1.2.3.", "1.5"})
        is_no(text, NumberError::not_a_number);
}

BOOST_AUTO_TEST_CASE(addresses) {
    BOOST_TEST(ipv4_text(0x0a000001) == "10.0.0.1");
    BOOST_TEST(ipv4_text(0xffffffff) == "255.255.255.255");
    const auto address = parse_ipv6("2001:db8::1");
    BOOST_REQUIRE(address.has_value());
    BOOST_TEST(address->hi == 0x20010db800000000u);
    BOOST_TEST(address->lo == 1u);
    BOOST_TEST(ipv6_text(*address) == "2001:db8::1");
    BOOST_TEST(ipv6_text({}) == "::");
    BOOST_TEST(!parse_ipv6("10.0.0.1"));
    BOOST_TEST(!parse_ipv6("::g"));
    BOOST_TEST(!parse_ipv6(std::string(1000, ':')));
}

BOOST_AUTO_TEST_CASE(the_nearest_name) {
    const std::string_view names[] = {"src-ip", "dst-ip", "proto", "PUSH", "PUSH8"};
    BOOST_TEST(nearest("scr-ip", names).value_or("") == "src-ip");
    BOOST_TEST(nearest("porto", names).value_or("") == "proto");
    BOOST_TEST(nearest("prot", names).value_or("") == "proto");
    BOOST_TEST(nearest("PUSHH", names).value_or("") == "PUSH");  // the first of two as near
    BOOST_TEST(!nearest("elephant", names));
    BOOST_TEST(!nearest(std::string(100000, 'x'), names));
    BOOST_TEST(!nearest("x", {}));
}

BOOST_AUTO_TEST_SUITE_END()
