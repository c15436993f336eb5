#include "bpfgen/liveness.h"

#include <fmt/core.h>
#include <boost/test/unit_test.hpp>
#include <string>

#include "bpfgen/builder.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(liveness_test)

namespace {

struct Code {
    Emitter emitter;
    MFunction function;
    Builder b{function, emitter};

    uint32_t next() const { return static_cast<uint32_t>(function.insns.size()); }
    VReg load() { return b.load(8, kContext, 0); }
    void use(VReg value) { b.store(8, kContext, 0, value); }
    std::vector<LiveRange> ranges(VReg reg) const {
        const Liveness liveness(function);
        const auto found = liveness.ranges(reg);
        return {found.begin(), found.end()};
    }
};

constexpr LiveRange from_to(uint32_t writer, uint32_t reader) {
    return {2 * writer + 1, 2 * reader + 1};
}

std::string text(const std::vector<LiveRange>& ranges) {
    std::string out;
    for (const LiveRange& range : ranges) out += fmt::format("[{},{})", range.from, range.to);
    return out;
}

void check(const std::vector<LiveRange>& found, const std::vector<LiveRange>& expected) {
    BOOST_TEST(text(found) == text(expected));
}

BOOST_FIXTURE_TEST_CASE(from_the_writer_to_the_last_reader, Code) {
    const VReg a = load();
    use(a);
    use(a);
    use(load());
    check(ranges(a), {from_to(0, 2)});
}

BOOST_FIXTURE_TEST_CASE(what_nobody_reads_is_alive_where_it_is_written, Code) {
    const VReg a = load();
    use(load());
    check(ranges(a), {{1, 2}});
    const VReg never = b.fresh();
    check(ranges(never), {});
}

BOOST_FIXTURE_TEST_CASE(not_on_a_way_that_does_not_need_it, Code) {
    const VReg a = load();
    const Label other = b.label();
    const Label end = b.label();
    b.branch({.a = a, .imm = 0}, other);
    const uint32_t way = next();
    use(load());
    b.jump(end);
    b.bind(other);
    const uint32_t reader = next();
    use(a);
    b.bind(end);
    use(load());
    check(ranges(a), {{1, 2 * way}, {2 * (reader - 1), 2 * reader + 1}});
}

// The reader stands before the back jump, but it may read again.
BOOST_FIXTURE_TEST_CASE(all_through_a_loop_that_reads_it, Code) {
    const VReg a = load();
    const VReg start = b.number(3);
    const VReg count = b.fresh();
    const Label again = b.label();
    b.jump(again, {{.dst = count, .src = start}});
    const uint32_t head = next();
    b.bind(again, {count});
    use(a);
    const VReg less = b.alu_imm(BPF_ADD, count, ~uint64_t{0});
    const uint32_t writes_less = next() - 1;
    const uint32_t back = next();
    b.branch({.code = BPF_JNE, .a = less, .imm = 0}, again, {{.dst = count, .src = less}});
    use(load());
    check(ranges(a), {{1, 2 * (back + 1)}});
    check(ranges(start), {from_to(1, 2)});
    check(ranges(count), {from_to(head, writes_less)});
    check(ranges(less), {from_to(writes_less, back)});
}

BOOST_FIXTURE_TEST_CASE(only_to_the_inner_loop_if_only_that_reads_it, Code) {
    const Label outer = b.label();
    const Label inner = b.label();
    const VReg once = load();
    b.bind(outer);
    const uint32_t writes = next();
    const VReg each = load();
    b.bind(inner);
    use(each);
    const uint32_t inner_back = next();
    b.branch({.code = BPF_JNE, .a = each, .imm = 1}, inner);
    b.branch({.code = BPF_JNE, .a = once, .imm = 2}, outer);
    use(once);
    check(ranges(each), {{2 * writes + 1, 2 * (inner_back + 1)}});
    check(ranges(once), {from_to(0, next() - 1)});
}

// A loop that is entered in its middle, as no structured source has it.
BOOST_FIXTURE_TEST_CASE(through_a_loop_with_two_entries, Code) {
    const Label first = b.label();
    const Label second = b.label();
    const VReg a = load();
    b.branch({.a = a, .imm = 0}, second);
    b.bind(first);
    use(load());
    b.bind(second);
    use(a);
    const uint32_t back = next();
    b.branch({.a = kContext, .imm = 5}, first);
    use(load());
    check(ranges(a), {{1, 2 * (back + 1)}});
}

// Exits belong to somebody else: nothing is alive behind a jump there.
BOOST_FIXTURE_TEST_CASE(not_beyond_the_function, Code) {
    const VReg a = load();
    const Label exit = b.label();
    b.branch({.a = a, .imm = 0}, exit);
    b.jump(exit);
    check(ranges(a), {from_to(0, 1)});
}

BOOST_FIXTURE_TEST_CASE(unused_in_a_ring_is_unused, Code) {
    const VReg start = b.number(1);
    const VReg count = b.fresh();
    const Label again = b.label();
    b.jump(again, {{.dst = count, .src = start}});
    b.bind(again, {count});
    const VReg more = b.alu_imm(BPF_ADD, count, 1);
    const VReg a = load();
    b.branch({.code = BPF_JNE, .a = a, .imm = 0}, again, {{.dst = count, .src = more}});
    const size_t before = function.insns.size();
    drop_unused(function);
    BOOST_TEST(function.insns.size() == before - 2);
    for (const std::vector<Move>& moves : function.moves) BOOST_TEST(moves.empty());
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
