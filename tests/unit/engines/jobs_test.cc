// --jobs: which filters can be split, which packets go together, and how progress reads.
#include "userspace/tools/test_jobs.h"

#include <boost/test/unit_test.hpp>

#include "userspace/tools/test_progress.h"

namespace vfm {
BOOST_AUTO_TEST_SUITE(jobs_test)

namespace {

struct Endpoint {
    uint8_t host;
    uint16_t port;
};

void append_port(Bytes& out, uint16_t port) {
    out.push_back(static_cast<uint8_t>(port >> 8));
    out.push_back(static_cast<uint8_t>(port));
}

/// A TCP segment in IPv4 or IPv6, behind a VLAN tag or not.
Bytes segment(Endpoint from, Endpoint to, bool six, bool tagged, uint8_t proto = 6) {
    Bytes out(12);
    if (tagged) out.insert(out.end(), {0x81, 0x00, 0x00, 0x05});
    if (six) {
        out.insert(out.end(), {0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, proto, 64});
        for (const Endpoint end : {from, to}) {
            out.resize(out.size() + 15);
            out.push_back(end.host);
        }
    } else {
        out.insert(out.end(), {0x08, 0x00, 0x45, 0, 0, 40, 0, 1, 0, 0, 64, proto, 0, 0});
        for (const Endpoint end : {from, to}) out.insert(out.end(), {10, 0, 0, end.host});
    }
    append_port(out, from.port);
    append_port(out, to.port);
    out.resize(out.size() + 16);
    return out;
}

BOOST_AUTO_TEST_CASE(both_directions_of_a_connection_go_together) {
    const Endpoint a = {1, 40000}, b = {2, 80}, c = {2, 81}, d = {3, 80};
    for (const bool six : {false, true}) {
        const uint64_t hash = connection_hash(segment(a, b, six, false));
        BOOST_TEST(hash != 0u);
        BOOST_TEST(connection_hash(segment(b, a, six, false)) == hash);
        BOOST_TEST(connection_hash(segment(b, a, six, true)) == hash);
        BOOST_TEST(connection_hash(segment(a, c, six, false)) != hash);
        BOOST_TEST(connection_hash(segment(a, d, six, false)) != hash);
        BOOST_TEST(connection_hash(segment(a, b, six, false, 17)) != hash);
        // Ports that change hosts make another connection.
        BOOST_TEST(connection_hash(segment({1, 80}, {2, 40000}, six, false)) != hash);
    }
    const Bytes whole = segment(a, b, false, false);
    for (size_t size = 0; size <= whole.size(); ++size) {
        const uint64_t hash = connection_hash(ByteView(whole).first(size));
        // Without its IP header it is of no connection, without ports of one without ports.
        if (size < 34) BOOST_TEST(hash == 0u);
    }
}

/// What the check says of a filter, empty if it can be split.
std::string refusal(const std::string& expression) {
    const Result<Filter> filter = load_expression(expression);
    BOOST_REQUIRE(filter);
    const Result<VerifiedModule> program = verify_filter(*filter);
    BOOST_REQUIRE(program);
    const Result<> result = check_split(*filter, *program);
    if (result) return {};
    BOOST_TEST(int(result.error().status) == int(Status::rejected));
    return render(result.error().diagnostics);
}

BOOST_AUTO_TEST_CASE(filters_that_can_be_split) {
    for (const char* filter : {
             "(has tcp)",
             "(count-by conn)",
             "(rate conn 10)",
             "(count-by (ip.src ip.dst port.src port.dst ip.proto))",
             "(count-by (ipv4.dst ipv4.src tcp.dport tcp.sport ip.proto vlan.id))",
             "(count-by (src-ip dst-ip src-port dst-port proto))",
             "(deftable t :key conn) (flow-get t conn)",
             // A table that nothing uses.
             "(deftable t :key ip) (has tcp)",
         })
        BOOST_TEST(refusal(filter) == "");
}

BOOST_AUTO_TEST_CASE(filters_that_cannot) {
    for (const char* filter : {
             "(count-by ip.src)",
             "(count-by (ip.src ip.dst))",
             "(count-by (ip.src ip.dst port.src port.dst))",
             "(count-by (ip.src port.src port.dst ip.proto))",
             "(count-by (ip.src ip.dst port.dst ip.proto))",
             "(count-by (hash5))",
             "(rate ip.src 10)",
             "(deftable t :key u64) (flow-get t 1)",
             "(+ (count-by conn) (count-by ip.dst))",
         }) {
        const std::string text = refusal(filter);
        BOOST_TEST(text.starts_with("<expr>:1:"));
        BOOST_TEST(text.contains(" does not hold both addresses, both ports and the protocol"));
    }
    BOOST_TEST(refusal("(sample 10)").contains("RAND gives one sequence"));
}

BOOST_AUTO_TEST_CASE(progress_is_read_at_a_glance) {
    BOOST_TEST(progress_text(42, 100, 1'234'567, 0.5) ==
               " 42 %  1,234,567 packets, 2.5 million a second");
    BOOST_TEST(progress_text(150, 100, 999, 0) == "100 %  999 packets, 0.0 million a second");
    BOOST_TEST(progress_text(42, 0, 1'000, 1) == "1,000 packets, 0.0 million a second");
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm
