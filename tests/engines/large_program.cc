#include "tests/engines/large_program.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "core/base/check.h"
#include "core/isa/limits.h"
#include "core/verify/verify.h"

namespace vfm::test {
namespace {

// What a jump reaches, with room for the step that it is in.
constexpr size_t kReach = 32'000;

// By which a shape may go beyond its bytes.
constexpr size_t kSpare = 300;

class Large {
  public:
    Large(Rng& rng, size_t bytes) : rng_(rng), all_(bytes), bytes_(bytes - kSpare) {}

    LargeProgram run(bool loops) {
        declare();
        op(Opcode::LD32, 26);  // what everything is computed with; always on the stack
        const std::string_view shape = loops ? loop_shape() : straight_shape();
        while (at() + 20 < all_) arithmetic();
        while (at() + 1 < all_) op(Opcode::NOT);
        op(Opcode::RET);
        // Enough for all rounds, or not.
        if (loops) module_.fuel = rng_.one_in(4) ? 3000 : std::max<uint64_t>(10'000, 6 * all_);
        return {std::move(module_), shape};
    }

  private:
    using Place = size_t;  // of the immediate of a jump

    // ---- bytes -------------------------------------------------------------------------------

    size_t at() const { return module_.code.size(); }
    bool room() const { return at() < bytes_; }
    void op(Opcode op, uint64_t imm = 0) { encode(module_.code, op, imm); }
    void push(uint64_t value) {
        if (value <= 0xff)
            op(Opcode::PUSH8, value);
        else if (value <= 0xffff)
            op(Opcode::PUSH16, value);
        else if (value <= 0xffffffff)
            op(Opcode::PUSH32, value);
        else
            op(Opcode::PUSH, value);
    }
    Place jump(Opcode opcode) {
        op(opcode, 0);
        return at() - 2;
    }
    void land(Place jump) { land(jump, at()); }
    void land(Place jump, size_t target) {
        const auto distance = static_cast<int64_t>(target) - static_cast<int64_t>(jump) - 2;
        VFM_CHECK(distance >= INT16_MIN && distance <= INT16_MAX, "a jump reaches its target");
        module_.code[jump] = static_cast<uint8_t>(distance);
        module_.code[jump + 1] = static_cast<uint8_t>(distance >> 8);
    }

    // ---- pieces, each of which leaves as many values as it finds -------------------------------

    void declare() {
        for (const auto& key : {std::vector{KeyKind::u64}, std::vector{KeyKind::ip},
                                std::vector{KeyKind::ipv4, KeyKind::port, KeyKind::proto}})
            module_.tables.push_back({.name = "t" + std::to_string(module_.tables.size()),
                                      .key = key,
                                      .capacity = 8192});
        for (const unsigned width : {32u, 64u, 128u, 32u, 64u, 64u})
            declare_set(static_cast<uint8_t>(width));
        module_.sets.back().live = true;
        CounterGroup group{.name = "c", .counters = {}};
        for (uint32_t i = 0; i < 1000; ++i)
            group.counters.push_back({.file = "f", .line = i + 1, .text = {}, .name = {}});
        module_.counter_groups.push_back(std::move(group));
        declare_rules();
    }

    void declare_set(uint8_t width) {
        SetDecl set{
            .name = "s" + std::to_string(module_.sets.size()), .width = width, .members = {}};
        for (uint64_t i = rng_.pick<uint64_t>({3, 40, 400}); i > 0; --i)
            set.members.push_back(
                {.hi = 0,
                 .lo = rng_.one_in(4) ? rng_.below(300) : rng_.next() & 0xffffffff,
                 .length = rng_.one_in(6) ? static_cast<uint8_t>(width - rng_.below(12)) : width});
        module_.sets.push_back(std::move(set));
    }

    void declare_rules() {
        RuleTable rules{
            .name = "r", .key_widths = {32, 32}, .verdicts = {}, .default_verdict = 7, .rows = {}};
        const auto count = rng_.pick<uint32_t>({5, 90});
        for (uint32_t rule = 1; rule <= count; ++rule) {
            rules.verdicts.push_back(rng_.below(3));
            RuleRow row{.rule = rule, .tests = {}};
            for (unsigned key = 0; key < 2; ++key) {
                RuleTest test;
                test.kind = rng_.pick({RuleTest::Kind::any, RuleTest::Kind::prefix});
                test.lo = rng_.below(256) << 24;
                test.length = 8;
                row.tests.push_back(test);
            }
            rules.rows.push_back(std::move(row));
        }
        module_.rule_tables.push_back(std::move(rules));
    }

    void load() {
        op(rng_.pick({Opcode::LD8, Opcode::LD16, Opcode::LD32, Opcode::LD64}), rng_.below(56));
    }
    Opcode condition() {
        return rng_.pick(
            {Opcode::JEQ, Opcode::JNE, Opcode::JGT, Opcode::JLT, Opcode::JGE, Opcode::JLE});
    }
    Opcode binary() {
        return rng_.pick({Opcode::ADD, Opcode::SUB, Opcode::MUL, Opcode::AND, Opcode::OR,
                          Opcode::XOR, Opcode::EQ, Opcode::NE, Opcode::GT, Opcode::LT, Opcode::SHL,
                          Opcode::SHR});
    }
    // A test of a field with a number, both taken from the stack again.
    Place test() {
        load();
        push(rng_.one_in(4) ? rng_.next() & 0xffff : rng_.below(256));
        return jump(condition());
    }
    void exit_with(uint64_t value) {
        push(value);
        op(Opcode::RET);
    }

    void arithmetic() {
        switch (rng_.below(6)) {
            case 0:
                return op(rng_.pick({Opcode::NOT, Opcode::NEG}));
            case 1:
                push(1 + rng_.below(1000));
                return op(rng_.pick({Opcode::DIV, Opcode::MOD}));
            case 2:
                push(rng_.below(64));
                return op(rng_.pick({Opcode::SHL, Opcode::SHR}));
            case 3:
                push(rng_.next() >> rng_.below(64));
                return op(binary());
            default:
                load();
                return op(binary());
        }
    }
    // Of a base that is seldom more than the packet has.
    void variable_load() {
        op(Opcode::DUP);
        push(rng_.one_in(50) ? 255 : rng_.pick<uint64_t>({7, 15, 31}));
        op(rng_.one_in(4) ? Opcode::MOD : Opcode::AND);
        op(rng_.pick({Opcode::LDX8, Opcode::LDX16, Opcode::LDX32, Opcode::LDX64}), rng_.below(24));
        op(Opcode::XOR);
    }
    void table() {
        const uint64_t number = rng_.below(3);
        const unsigned words = module_.tables[number].words();
        for (unsigned i = 0; i < words; ++i) {
            op(Opcode::PICK, i);
            push(rng_.pick<uint64_t>({3, 15}));
            op(Opcode::AND);
        }
        switch (rng_.below(3)) {
            case 0:
                op(Opcode::FLOW_GET, number);
                break;
            case 1:
                load();
                op(Opcode::FLOW_ADD, number);
                break;
            default:
                op(Opcode::PICK, words);
                op(Opcode::FLOW_SET, number);
                return;
        }
        op(Opcode::XOR);
    }
    void set() {
        const uint64_t number = rng_.below(module_.sets.size());
        if (module_.sets[number].width == 128) {
            push(0);
            load();
            op(Opcode::IN128, number);
        } else {
            load();
            op(Opcode::IN, number);
        }
        op(Opcode::ADD);
    }
    void rules() {
        op(Opcode::LD32, 26);
        op(Opcode::LD32, rng_.pick<uint64_t>({30, 26, 36}));
        push(rng_.one_in(4) ? rng_.below(4) : 3);
        op(Opcode::MATCH, 0);
        if (rng_.one_in(2)) op(Opcode::VERDICT, 0);
        op(Opcode::ADD);
    }
    void counter() {
        if (rng_.one_in(2)) {
            push(rng_.below(1001));
        } else {
            op(Opcode::DUP);
            push(1023);
            op(Opcode::AND);
        }
        op(Opcode::COUNT, 0);
        arithmetic();
    }
    void header() {
        if (rng_.one_in(4)) {
            op(Opcode::HASH5);
        } else if (rng_.one_in(4)) {
            op(Opcode::LEN);
        } else {
            op(Opcode::HDR, rng_.below(9));
        }
        op(binary());
    }
    void clock() {
        op(rng_.one_in(3) ? Opcode::NOW : Opcode::RAND);
        op(rng_.pick({Opcode::ADD, Opcode::XOR, Opcode::LT}));
    }
    void anything() {
        switch (rng_.below(8)) {
            case 0:
                return variable_load();
            case 1:
                return table();
            case 2:
                return set();
            case 3:
                return counter();
            case 4:
                return header();
            case 5:
                return clock();
            case 6:
                return rules();
            default:
                return arithmetic();
        }
    }

    // ---- control flow --------------------------------------------------------------------------

    using Piece = void (Large::*)();

    // if (test) return v; again and again, each with a number of its own.
    void exits(Piece piece) {
        while (room()) {
            const Place next = test();
            exit_with(rng_.below(1000));
            land(next);
            if (rng_.one_in(2)) (this->*piece)();
        }
    }
    // The same to a few shared ends.
    void shared_exits(Piece piece) {
        while (room()) {
            std::vector<Place> leaving;
            const size_t begin = at();
            while (room() && at() - begin < kReach - 2000 && leaving.size() < 3000) {
                leaving.push_back(test());
                if (rng_.one_in(3)) (this->*piece)();
            }
            const Place on = jump(Opcode::JMP);
            for (const Place place : leaving) land(place);
            exit_with(rng_.below(1000));
            land(on);
        }
    }
    // Both ways go on, with another value.
    void diamonds(Piece piece) {
        while (room()) {
            const Place other = test();
            (this->*piece)();
            if (rng_.one_in(2)) {
                land(other);
                continue;
            }
            const Place end = jump(Opcode::JMP);
            land(other);
            (this->*piece)();
            land(end);
        }
    }
    // Scores: what the test adds is a number, and numbers alone differ where ways meet.
    void scores() {
        push(0);
        while (room()) {
            const Place next = test();
            push(1 + rng_.below(50));
            op(Opcode::ADD);
            land(next);
            if (!rng_.one_in(30)) continue;
            op(Opcode::DUP);
            push(rng_.below(400));
            const Place less = jump(Opcode::JLT);
            exit_with(rng_.below(3));
            land(less);
        }
        op(Opcode::ADD);
    }
    // Ifs in both ways of ifs; the innermost have `piece`.
    void tree(size_t budget, Piece piece) {
        if (budget < 60) return (this->*piece)();
        const Place other = test();
        const size_t first = rng_.one_in(2) ? budget / 2 : budget - 20 - rng_.below(20);
        tree(first - 12, piece);
        const Place end = jump(Opcode::JMP);
        land(other);
        tree(budget - first, piece);
        land(end);
    }
    void trees(Piece piece) {
        while (room())
            tree(std::clamp<size_t>(rng_.pick<size_t>({300, 3000, 12'000}), 60,
                                    std::max<size_t>(60, (bytes_ - at()) / 2)),
                 piece);
    }
    // if (t) { if (t) { .. } else v } else v, as deep as jumps reach.
    void nests(Piece piece) {
        while (room()) {
            const size_t begin = at(), most = std::min(kReach - 4000, bytes_ - at());
            std::vector<Place> others;
            while ((at() - begin) + 12 * others.size() < most) {
                others.push_back(test());
                if (rng_.one_in(4)) (this->*piece)();
            }
            std::vector<Place> ends = {jump(Opcode::JMP)};
            for (; !others.empty(); others.pop_back()) {
                land(others.back());
                push(rng_.below(256));
                op(Opcode::ADD);
                if (others.size() > 1) ends.push_back(jump(Opcode::JMP));
            }
            for (const Place end : ends) land(end);
        }
    }
    // One value against one number after the other.
    void choices(Piece piece) {
        while (room()) {
            const Opcode width = rng_.pick({Opcode::LD8, Opcode::LD16, Opcode::LD32});
            const uint64_t first = rng_.below(1000), step = rng_.pick<uint64_t>({1, 1, 3, 1000003});
            const uint64_t offset = rng_.below(56);
            op(width, offset);
            std::vector<Place> ends;
            const size_t begin = at();
            for (uint64_t i = 0, count = rng_.pick<uint64_t>({4, 30, 300, 2000});
                 i < count && room() && at() - begin < kReach - 2000; ++i) {
                op(Opcode::DUP);
                push(first + step * i);
                const Place next = jump(Opcode::JNE);
                push(rng_.below(5));
                op(Opcode::ADD);
                ends.push_back(jump(Opcode::JMP));
                land(next);
            }
            for (const Place end : ends) land(end);
            op(Opcode::ADD);
            if (rng_.one_in(3)) (this->*piece)();
        }
    }
    // Every block leads on or to some later one.
    void ahead(Piece piece) {
        struct Pending {
            Place jump;
            size_t from;
        };
        std::vector<Pending> pending;
        while (room()) {
            for (size_t i = 0; i < pending.size();) {
                const bool far = at() - pending[i].from > kReach - 2000;
                if (!far && !rng_.one_in(std::max<size_t>(3, pending.size()))) {
                    ++i;
                    continue;
                }
                land(pending[i].jump);
                pending[i] = pending.back();
                pending.pop_back();
            }
            (this->*piece)();
            if (pending.size() < 40) {
                const size_t from = at();
                pending.push_back({test(), from});
            }
        }
        for (const Pending& one : pending) land(one.jump);
    }
    void plain(Piece piece) {
        while (room()) (this->*piece)();
    }
    // Many values that wait, each used again and again.
    void many_values(Piece piece) {
        const uint64_t depth = bytes_ - at() < 3000 ? 20 : rng_.pick<uint64_t>({20, 70, 240});
        for (uint64_t i = 0; i < depth; ++i) load();
        while (room() && bytes_ - at() > 4 * depth) {
            op(Opcode::PICK, rng_.below(depth));
            op(binary());
            if (rng_.one_in(2)) {
                op(Opcode::SWAP);
            } else if (rng_.one_in(3)) {
                (this->*piece)();
            } else if (rng_.one_in(3)) {
                const Place other = test();
                op(Opcode::PICK, rng_.below(depth));
                op(binary());
                land(other);
            }
        }
        for (uint64_t i = 0; i < depth; ++i) op(binary());
    }
    void mixed() {
        const size_t whole = bytes_;
        while (at() < whole) {
            bytes_ = std::min(whole, at() + 200 + rng_.below(whole / 2));
            shape(rng_.below(kShapes));
        }
        bytes_ = whole;
    }

    static constexpr std::array<std::string_view, 11> kNames = {
        "exits",   "shared exits", "diamonds", "scores",      "trees", "nests",
        "choices", "ahead",        "plain",    "many values", "mixed"};
    static constexpr size_t kShapes = kNames.size() - 1;

    void shape(size_t number) {
        constexpr Piece kPieces[] = {&Large::arithmetic, &Large::variable_load, &Large::table,
                                     &Large::set,        &Large::rules,         &Large::counter,
                                     &Large::header,     &Large::clock,         &Large::anything};
        const Piece piece = rng_.pick(std::span<const Piece>(kPieces));
        switch (number) {
            case 0:
                return exits(piece);
            case 1:
                return shared_exits(piece);
            case 2:
                return diamonds(piece);
            case 3:
                return scores();
            case 4:
                return trees(piece);
            case 5:
                return nests(piece);
            case 6:
                return choices(piece);
            case 7:
                return ahead(piece);
            case 8:
                return plain(piece);
            case 9:
                return many_values(piece);
            default:
                return mixed();
        }
    }
    std::string_view straight_shape() {
        const size_t number = rng_.below(kNames.size());
        shape(number);
        return kNames[number];
    }

    // One loop behind the other, each with a long body that it goes through some times.
    std::string_view loop_shape() {
        const size_t whole = bytes_;
        while (at() < whole) {
            push(1 + rng_.below(4));
            const size_t head = at();
            op(Opcode::SWAP);
            bytes_ = std::min({whole, at() + 100 + rng_.below(20'000)});
            const size_t number = rng_.pick<size_t>({2, 4, 7, 8});
            shape(number);
            op(Opcode::SWAP);
            push(1);
            op(Opcode::SUB);
            op(Opcode::DUP);
            push(0);
            land(jump(Opcode::JNE), head);
            op(Opcode::POP);
        }
        bytes_ = whole;
        return "loops";
    }

    Rng& rng_;
    size_t all_;
    size_t bytes_;  // where the shape is to end
    Module module_;
};

}  // namespace

LargeProgram large_program(Rng& rng, size_t bytes, bool loops) {
    LargeProgram made = Large(rng, bytes).run(loops);
    const auto verified = verify(made.module);
    VFM_CHECK(verified.has_value(), verified.error().reason.c_str());
    if (!loops) made.module.fuel = std::max(*verified->longest_path(), kDefaultFuel);
    return made;
}

}  // namespace vfm::test
