// Every operation of the IR as machine code, with operands of every shape, against the evaluator.
#include "tests/unit/jit/native_test.h"

BOOST_AUTO_TEST_SUITE(lowering_test)

using namespace vfm;
using namespace vfm::test;
using ir::Op;

namespace {

constexpr uint64_t kNumbers[] = {0,
                                 1,
                                 2,
                                 3,
                                 5,
                                 6,
                                 7,
                                 9,
                                 10,
                                 31,
                                 32,
                                 33,
                                 63,
                                 64,
                                 100,
                                 127,
                                 128,
                                 255,
                                 256,
                                 0x800,
                                 0xffff,
                                 0x10000,
                                 0x7fffffff,
                                 0x80000000,
                                 0xffffffff,
                                 0x100000000,
                                 0x7fffffffffffffff,
                                 0x8000000000000000,
                                 0xfffffffffffffffe,
                                 ~uint64_t{0}};

const std::vector<Packet>& packets() {
    static std::vector<Bytes> bytes = [] {
        Rng rng(7);
        std::vector<Bytes> made;
        for (unsigned i = 0; i < 12; ++i) made.push_back(random_bytes(rng, 64));
        for (size_t size : {0, 1, 20, 39, 40, 41}) made.push_back(random_bytes(rng, size));
        return made;
    }();
    static const std::vector<Packet> all = [] {
        std::vector<Packet> made;
        for (const Bytes& packet : bytes) made.push_back({packet, 1000 + made.size()});
        return made;
    }();
    return all;
}

constexpr Op kBinary[] = {Op::add, Op::sub, Op::mul, Op::div, Op::mod, Op::and_, Op::or_, Op::xor_,
                          Op::shl, Op::shr, Op::eq,  Op::ne,  Op::gt,  Op::lt,   Op::ge,  Op::le};

/// An operand: a number, a load of some size in either order, a truth value, the length.
ir::ValueId operand(Maker& maker, Rng& rng) {
    switch (rng.below(6)) {
        case 0:
            return maker.number(rng.pick(std::span<const uint64_t>(kNumbers)));
        case 1:
            return maker.add({.op = Op::len});
        case 2:
            return maker.add(Op::eq, maker.load(1, rng.below(20)), maker.number(rng.below(3)));
        default:
            return maker.load(rng.pick({1, 2, 4, 8}), rng.below(30), rng.one_in(2));
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(operations_on_numbers) {
    for (const Op op : kBinary)
        for (const uint64_t number : kNumbers)
            for (const unsigned size : {1u, 2u, 4u, 8u})
                for (const bool first : {false, true}) {
                    const bool divides = op == Op::div || op == Op::mod;
                    if (divides && !first && number == 0) continue;
                    Maker maker;
                    maker.guard_length(40);
                    const auto load = maker.load(size, 3, size == 8);
                    const auto imm = maker.number(number);
                    if (divides && first) maker.add(Op::guard_nonzero, load);
                    maker.ret(maker.add(op, first ? imm : load, first ? load : imm));
                    agree(maker.function, packets(), 1);
                }
}

BOOST_AUTO_TEST_CASE(operations_on_operands_of_all_shapes) {
    Rng rng(1);
    for (const Op op : kBinary)
        for (unsigned round = 0; round < 40; ++round) {
            Maker maker;
            maker.guard_length(40);
            const auto a = operand(maker, rng), b = rng.one_in(8) ? a : operand(maker, rng);
            if (op == Op::div || op == Op::mod) maker.add(Op::guard_nonzero, b);
            auto result = maker.add(op, a, b);
            // Used again, so that operands live on.
            if (rng.one_in(2)) result = maker.add(Op::xor_, result, rng.one_in(2) ? a : b);
            maker.ret(result);
            agree(maker.function, packets());
        }
}

BOOST_AUTO_TEST_CASE(one_operand) {
    for (const Op op : {Op::not_, Op::neg})
        for (const unsigned size : {1u, 8u}) {
            Maker maker;
            maker.guard_length(40);
            maker.ret(maker.add(op, maker.load(size, 5)));
            agree(maker.function, packets());
        }
}

BOOST_AUTO_TEST_CASE(loads_behind_a_base) {
    for (const unsigned size : {1u, 2u, 4u, 8u})
        for (const bool raw : {false, true})
            for (const unsigned base_size : {1u, 8u}) {
                Maker maker;
                maker.guard_length(9);
                const auto base = maker.load(base_size, 1);
                maker.add({.op = Op::guard_index, .a = base, .imm = 4 + size});
                const auto load = maker.add({.op = raw ? Op::loadx_raw : Op::loadx,
                                             .size = static_cast<uint8_t>(size),
                                             .a = base,
                                             .imm = 4});
                maker.ret(maker.add(Op::add, load, maker.add(Op::gt, load, base)));
                agree(maker.function, packets());
            }
}

BOOST_AUTO_TEST_CASE(guards) {
    for (const uint64_t length : {0ull, 1ull, 40ull, 65535ull, 65536ull, 1ull << 33, ~0ull}) {
        Maker maker;
        maker.guard_length(length);
        maker.ret(maker.number(7));
        agree(maker.function, packets());
    }
    for (const uint64_t imm : {0ull, 1ull, 39ull, 65535ull, 65536ull, 1ull << 40})
        for (const unsigned size : {1u, 2u, 8u}) {
            Maker maker;
            maker.guard_length(20);
            maker.add({.op = Op::guard_index, .a = maker.load(size, 2), .imm = imm});
            maker.ret(maker.number(7));
            agree(maker.function, packets());
        }
}

BOOST_AUTO_TEST_CASE(tests_of_bits) {
    for (const uint64_t mask : {0ull, 1ull, 2ull, 0x80ull, 0xffull, 0x100ull, 0xff00ull, 0x1234ull,
                                0x8000ull, 0x10000ull, 0x80000000ull, 0xffffffffull, 1ull << 40,
                                0x8000000000000000ull, 0xff00000000000000ull, 0x123456789abcull})
        for (const unsigned size : {1u, 2u, 4u, 8u})
            for (const bool raw : {false, true})
                for (const Op op : {Op::eq, Op::ne})
                    for (const bool to_mask : {false, true}) {
                        Maker maker(3);
                        maker.guard_length(40);
                        const auto both =
                            maker.add(Op::and_, maker.load(size, 6, raw), maker.number(mask));
                        const auto other = maker.number(to_mask ? mask : 0);
                        auto& end = maker.function.blocks[0].end;
                        end.kind = ir::Terminator::Kind::branch;
                        end.comparison = op == Op::eq ? Comparison::eq : Comparison::ne;
                        end.a = both;
                        end.b = other;
                        end.then.target = 1;
                        end.otherwise.target = 2;
                        maker.ret(maker.number(1), 1);
                        maker.ret(maker.number(2), 2);
                        agree(maker.function, packets(), 1);
                    }
}

BOOST_AUTO_TEST_CASE(state) {
    Maker maker;
    maker.guard_length(40);
    const auto key = maker.load(1, 3), other = maker.load(2, 8);
    const auto random = maker.add({.op = Op::rand});
    const auto now = maker.add({.op = Op::now});
    const auto sum = maker.add({.op = Op::flow_add, .a = key, .b = other});
    maker.add({.op = Op::flow_set, .a = other, .b = sum});
    const auto found = maker.add({.op = Op::flow_get, .a = maker.load(2, 20)});
    maker.add({.op = Op::flow_add, .a = maker.number(77), .b = maker.number(~uint64_t{0})});
    auto all = maker.add(Op::xor_, random, now);
    all = maker.add(Op::add, all, maker.add(Op::mul, sum, found));
    all = maker.add(Op::sub, all, maker.add({.op = Op::len}));
    maker.ret(maker.add(Op::xor_, all, key));
    agree(maker.function, packets(), 20);
}

// Truth values of all origins, joined, compared and returned: only some of them are extended.
BOOST_AUTO_TEST_CASE(truth_values) {
    Rng rng(3);
    for (unsigned round = 0; round < 400; ++round) {
        Maker maker;
        maker.guard_length(40);
        std::vector<ir::ValueId> truths;
        for (unsigned i = 0; i < 3 + rng.below(10); ++i) {
            const auto pick = [&] { return truths[rng.below(truths.size())]; };
            if (truths.size() < 2 || rng.one_in(2))
                truths.push_back(
                    maker.add(rng.pick({Op::eq, Op::ne, Op::gt, Op::le}),
                              maker.load(rng.pick({1, 2, 4}), rng.below(30)),
                              maker.number(rng.pick(std::span<const uint64_t>(kNumbers)))));
            else if (rng.one_in(5))
                truths.push_back(maker.add(rng.pick({Op::eq, Op::ne}), pick(),
                                           rng.one_in(2) ? maker.number(rng.below(2)) : pick()));
            else
                truths.push_back(maker.add(rng.pick({Op::and_, Op::or_, Op::xor_}), pick(),
                                           rng.one_in(8) ? maker.number(rng.below(2)) : pick()));
        }
        auto result = truths.back();
        if (rng.one_in(3)) result = maker.add(Op::add, result, truths[rng.below(truths.size())]);
        maker.ret(result);
        agree(maker.function, packets(), 3);
    }
}

// Branches, joins with parameters, and values that live across them.
BOOST_AUTO_TEST_CASE(random_graphs) {
    Rng rng(5);
    for (unsigned round = 0; round < 300; ++round) {
        const auto count = static_cast<uint32_t>(2 + rng.below(8));
        Maker maker(count);
        maker.guard_length(40);
        std::vector<ir::ValueId> global;  // made in the entry
        for (unsigned i = 0; i < 1 + rng.below(20); ++i) global.push_back(operand(maker, rng));
        for (uint32_t b = 1; b < count; ++b)
            for (unsigned i = 0; i < rng.below(5); ++i) maker.param(b);
        for (uint32_t b = 0; b < count; ++b) {
            std::vector<ir::ValueId> known = global;
            for (const auto param : maker.function.blocks[b].params) known.push_back(param);
            const auto pick = [&] { return known[rng.below(known.size())]; };
            for (unsigned i = 0; i < rng.below(6); ++i)
                known.push_back(maker.add(
                    rng.pick({Op::add, Op::sub, Op::mul, Op::and_, Op::xor_, Op::shl, Op::gt}),
                    pick(), pick(), b));
            auto& end = maker.function.blocks[b].end;
            // Every block is reached: b leads to b + 1 at least.
            if (b + 1 == count) {
                maker.ret(pick(), b);
                continue;
            }
            const auto edge_to = [&](uint32_t target) {
                ir::Edge edge{.target = target, .args = {}};
                for (size_t i = 0; i < maker.function.blocks[target].params.size(); ++i)
                    edge.args.push_back(pick());
                return edge;
            };
            end.then = edge_to(b + 1);
            if (rng.one_in(3)) {
                end.kind = ir::Terminator::Kind::jump;
                continue;
            }
            end.otherwise = edge_to(b + 1 + static_cast<uint32_t>(rng.below(count - b - 1)));
            if (rng.one_in(2)) std::swap(end.then, end.otherwise);
            if (rng.one_in(4)) {
                end.kind = ir::Terminator::Kind::branch_len;
                end.imm = rng.below(70);
            } else {
                end.kind = ir::Terminator::Kind::branch;
                end.comparison = rng.pick({Comparison::eq, Comparison::lt, Comparison::ge});
                end.a = pick();
                end.b = pick();
            }
        }
        agree(maker.function, packets(), 6);
    }
}

BOOST_AUTO_TEST_SUITE_END()
