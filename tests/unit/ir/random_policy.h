// VFLisp filters as people write them - lists of addresses and ports, networks, ranges, rules,
// nested in conditions - and packets for them. Few different numbers occur in either, so that tests
// hold about as often as they fail.
#pragma once

#include <fmt/core.h>

#include <iterator>
#include <string>
#include <utility>

#include "core/base/bytes.h"
#include "tests/harness/rng.h"

namespace vfm::test {

class RandomPolicy {
  public:
    explicit RandomPolicy(Rng& rng) : rng_(rng) {}

    std::string filter() { return value(4); }

    /// Some are too short for some fields.
    Bytes packet() {
        Bytes bytes(rng_.one_in(4) ? rng_.below(61) : 60);
        for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(rng_.below(4));
        for (const Field& field : kFields) {
            if (rng_.one_in(8)) continue;
            uint64_t number = this->number(field);
            for (unsigned i = field.offset + field.size; i-- > field.offset; number >>= 8)
                if (i < bytes.size()) bytes[i] = static_cast<uint8_t>(number);
        }
        return bytes;
    }

  private:
    struct Field {
        const char* name;
        unsigned offset, size;
    };
    static constexpr Field kFields[] = {
        {"ethertype", 12, 2}, {"ip-len", 16, 2},   {"proto", 23, 1},    {"src-ip", 26, 4},
        {"dst-ip", 30, 4},    {"src-port", 34, 2}, {"dst-port", 36, 2}, {"tcp-flags", 47, 1},
    };

    const Field& field() { return kFields[rng_.below(std::size(kFields))]; }

    uint64_t number(const Field& field) {
        if (field.size == 4 && rng_.one_in(2))
            return 0x0a000000 + rng_.below(4) * 256 + rng_.below(4);
        return rng_.below(12) + (field.size == 2 && rng_.one_in(4) ? 0x800 : 0);
    }

    std::string equal(const Field& field) {
        const uint64_t number = this->number(field);
        return rng_.one_in(6) ? fmt::format("(= {} {})", number, field.name)
                              : fmt::format("(= {} {})", field.name, number);
    }

    std::string masked(const Field& field) {
        const uint64_t mask = field.size == 4 ? rng_.pick({0xffffff00u, 0xffff0000u, 0xfffffffeu})
                                              : rng_.pick({0xfeu, 0xfffcu});
        uint64_t number = this->number(field);
        if (!rng_.one_in(4)) number &= mask;
        return fmt::format("(= (& {} {:#x}) {})", field.name, mask, number);
    }

    std::string range(const Field& field) {
        uint64_t low = number(field), high = number(field);
        if (!rng_.one_in(5) && low > high) std::swap(low, high);
        const char *above = rng_.pick({">", ">="}), *below = rng_.pick({"<", "<="});
        if (rng_.one_in(3))
            return fmt::format("(or ({} {} {}) ({} {} {}))", below, field.name, low, above,
                               field.name, high);
        return fmt::format("(and ({} {} {}) ({} {} {}))", above, field.name, low, below, field.name,
                           high);
    }

    // Joins what `make` gives a few times.
    template <class Make>
    std::string list(const char* form, uint64_t count, Make make) {
        std::string text = fmt::format("({}", form);
        for (uint64_t i = 0; i < count; ++i) text += " " + make();
        return text + ")";
    }

    std::string rules(const Field& a, const Field& b) {
        return list("or", 2 + rng_.below(8), [&]() -> std::string {
            switch (rng_.below(6)) {
                case 0:
                    return masked(a);
                case 1:
                    return equal(b);
                case 2:
                    return "(and " + equal(b) + " " + masked(a) + ")";
                default:
                    return "(and " + masked(a) + " " + equal(b) + ")";
            }
        });
    }

    std::string test() {
        const Field& one = field();
        switch (rng_.below(8)) {
            case 0:
            case 1:
                return equal(one);
            case 2:
                return masked(one);
            case 3:
                return fmt::format("({} {} {})", rng_.pick({"<", "<=", ">", ">=", "!="}), one.name,
                                   number(one));
            case 4:
                return range(one);
            case 5:
                return list("or", 2 + rng_.below(9), [&] { return equal(one); });
            case 6:
                return rules(one, field());
            default:
                return list("and", 2 + rng_.below(3), [&] { return equal(field()); });
        }
    }

    std::string condition(unsigned depth) {
        if (depth == 0 || rng_.one_in(3)) return test();
        switch (rng_.below(4)) {
            case 0:
                return "(not " + condition(depth - 1) + ")";
            case 1:
                return fmt::format(
                    "(if {} {} {})", condition(depth - 1), condition(depth - 1),
                    rng_.one_in(3) ? std::to_string(rng_.below(2)) : condition(depth - 1));
            default:
                return list(rng_.pick({"and", "or"}), 2 + rng_.below(3),
                            [&] { return condition(depth - 1); });
        }
    }

    // A key after the other, each with a value of its own or one of a few.
    std::string choice(unsigned depth) {
        const Field& one = field();
        std::string text, end;
        for (uint64_t i = 3 + rng_.below(14); i-- > 0; end += ")")
            text += fmt::format(
                "(if {} {} ", equal(one),
                rng_.one_in(5) ? condition(1) : std::to_string(rng_.below(rng_.pick({2, 20}))));
        return text + value(depth) + end;
    }

    std::string value(unsigned depth) {
        if (depth == 0) return std::to_string(rng_.below(4));
        switch (rng_.below(8)) {
            case 0:
                return std::to_string(rng_.below(3));
            case 1:
                return fmt::format("(count-by {})", field().name);
            case 2:
                return choice(depth - 1);
            case 3:
                return fmt::format("(+ {} {})", condition(depth - 1), value(depth - 1));
            case 4:
                return fmt::format("(if {} {} {})", condition(depth - 1), value(depth - 1),
                                   value(depth - 1));
            default:
                return condition(depth - 1);
        }
    }

    Rng& rng_;
};

}  // namespace vfm::test
