#include "tests/harness/random_lisp.h"

#include <fmt/core.h>

#include <vector>

#include "core/lisp/forms.h"

namespace vfm::test {
namespace {

using lisp::FormKind;

class LispWriter {
  public:
    LispWriter(Rng& rng, RandomLisp wanted) : rng_(rng), wanted_(wanted) {}

    std::string run() {
        if (wanted_.extensions && rng_.one_in(2)) definitions();
        expression(rng_.one_in(10) ? 9 : 4);
        return std::move(text_);
    }

  private:
    template <class... Parts>
    void add(const Parts&... parts) {
        ((text_ += parts), ...);
    }
    template <class T>
    const T& one_of(const std::vector<T>& from) {
        return from[rng_.below(from.size())];
    }
    void space() { text_ += rng_.one_in(30) ? "\n  " : " "; }
    bool short_enough() const { return text_.size() < 3000; }

    void definitions() {
        for (uint64_t n = rng_.below(3); n > 0; --n) set();
        for (uint64_t n = rng_.below(3); n > 0; --n) table();
        for (uint64_t n = rng_.below(3); n > 0; --n) {
            const std::string name = fmt::format("v{}", values_++);
            locals_in_definition_.clear();
            std::swap(locals_, locals_in_definition_);
            add("(define ", name, " ");
            expression(2);
            add(")\n");
            std::swap(locals_, locals_in_definition_);
            names_.push_back(name);
        }
        for (uint64_t n = rng_.below(3); n > 0; --n) function();
    }

    void function() {
        const uint64_t count = rng_.below(3);
        const std::string name = fmt::format("f{}", functions_.size());
        std::vector<std::string> outer;
        std::swap(outer, locals_);
        add("(define (", name);
        for (uint64_t i = 0; i < count; ++i) {
            locals_.push_back(fmt::format("a{}", bound_++));
            add(" ", locals_.back());
        }
        add(") ");
        in_function_ = true;
        expression(3);
        in_function_ = false;
        add(")\n");
        std::swap(outer, locals_);
        functions_.emplace_back(name, count);
    }

    void set() {
        add("(defset s", std::to_string(sets_++));
        for (uint64_t n = 1 + rng_.below(rng_.one_in(3) ? 24 : 5); n > 0; --n) member();
        add(")\n");
    }

    void member() {
        space();
        switch (rng_.below(7)) {
            case 0:
                add("10.0.0.", std::to_string(rng_.below(4)), "/", std::to_string(rng_.below(33)));
                break;
            case 1:
                add("::", std::to_string(rng_.below(4)), "/", std::to_string(rng_.below(129)));
                break;
            case 2: {
                const uint64_t first = rng_.below(1000);
                add("(range ", std::to_string(first), " ", std::to_string(first + rng_.below(3000)),
                    ")");
                break;
            }
            case 3:
                add("(range 0:0:0:", std::to_string(rng_.below(3)),
                    "::", std::to_string(rng_.below(3)), " 0:0:0:3::2)");
                break;
            case 4:
                add(rng_.pick<const char*>(
                    {"tcp", "udp", "icmp-echo", "02:00:00:00:00:01", "ipv6"}));
                break;
            case 5:
                add("0:0:0:", std::to_string(rng_.below(3)), "::", std::to_string(rng_.below(3)));
                break;
            default:
                add(rng_.pick<const char*>({"22", "53", "80", "443", "10.0.0.1", "10.0.0.2", "6"}));
                break;
        }
    }

    void table() {
        std::vector<std::string> kinds;
        for (uint64_t n = 1 + rng_.below(3); n > 0; --n)
            kinds.emplace_back(
                rng_.pick<const char*>({"u64", "ip", "port", "ipv4", "ipv6", "mac"}));
        if (rng_.one_in(4)) kinds = {"conn"};
        add("(deftable t", std::to_string(tables_.size()), " :key (");
        for (const std::string& kind : kinds) add(" ", kind);
        add(") :capacity 4096", rng_.one_in(2) ? " :evict none" : "", ")\n");
        tables_.push_back(kinds);
    }

    void expression(unsigned depth) {
        // A text that has grown long ends soon, whatever its depth.
        if (depth == 0 || !short_enough() || rng_.one_in(4))
            atom();
        else
            form(depth);
    }

    void atom() {
        if (!locals_.empty() && rng_.one_in(2)) return add(one_of(locals_));
        if (!names_.empty() && rng_.one_in(6)) return add(one_of(names_));
        if (!rng_.one_in(3)) {
            const auto fixed = lisp::all_fields();
            if (!wanted_.extensions || rng_.one_in(6))
                return add(fixed[rng_.below(fixed.size())].name);
            const auto fields = lisp::all_header_fields();
            return add(fields[rng_.below(fields.size())].name);
        }
        switch (rng_.below(wanted_.extensions ? 7 : 6)) {
            case 0:
                return add(std::to_string(rng_.next()));
            case 1:
                return add("-", std::to_string(rng_.below(70000)));
            case 2:
                return add("10.0.0.", std::to_string(rng_.below(4)));
            case 3:
                return add(rng_.pick<const char*>({"0x800", "0xffffffff", "0x7fffffff"}));
            case 4:
                return add(rng_.pick<const char*>({"6", "17", "80", "443", "64", "63"}));
            case 5:
                return add(std::to_string(rng_.below(3)));
            default:
                return add(
                    rng_.pick<const char*>({"tcp", "udp", "icmp6", "ipv4", "tcp-syn", "10us"}));
        }
    }

    /// What may be an address.
    void address(unsigned depth) {
        switch (rng_.below(6)) {
            case 0:
            case 1:
                return add(rng_.pick<const char*>({"ip.src", "ip.dst"}));
            case 2:
                return add(rng_.pick<const char*>({"ipv6.src", "ipv6.dst"}));
            case 3:
                return add("0:0:0:", std::to_string(rng_.below(3)),
                           "::", std::to_string(rng_.below(3)));
            case 4:
                if (depth == 0 || !short_enough()) return add("ip.src");
                if (rng_.one_in(2)) {
                    add("(if ");
                    expression(depth - 1);
                    space();
                    address(depth - 1);
                    space();
                    address(depth - 1);
                    return add(")");
                }
                return let(depth, true);
            default:
                return expression(depth == 0 ? 0 : depth - 1);
        }
    }

    void let(unsigned depth, bool of_address) {
        const size_t before = locals_.size();
        add("(let (");
        for (uint64_t n = 1 + rng_.below(2); n > 0; --n) {
            const std::string name = fmt::format("x{}", bound_++);
            add("(", name, " ");
            if (rng_.one_in(2))
                address(depth - 1);
            else
                expression(depth - 1);
            add(")");
            locals_.push_back(name);
        }
        add(") ");
        if (of_address)
            address(depth - 1);
        else
            expression(depth - 1);
        add(")");
        locals_.resize(before);
    }

    void key_element(unsigned depth, const std::string& kind) {
        if (kind == "conn") return add("conn");
        if (kind == "ip" || rng_.one_in(4)) {
            // An IPv6 literal itself fits no kind of one word.
            if (kind != "ip" && kind != "ipv6") return add("ip.src");
            return address(depth);
        }
        expression(depth);
    }

    /// The key of a count or a rate: a word, an address, a list.
    void own_key(unsigned depth) {
        // Arguments that are addresses once and numbers then would share a table by their text.
        if (!wanted_.extensions || (!in_function_ && rng_.one_in(2))) {
            if (rng_.one_in(2)) return atom();
            // A count of a rate would share the rate's table, also by its text.
            add("(| 0 ");
            expression(depth);
            return add(")");
        }
        switch (rng_.below(4)) {
            case 0:
                return add("conn");
            case 1:
                return add("(ip.src port.dst)");
            case 2:
                return add("(ip.dst (& ip.src 255.255.255.0) ip.proto)");
            default:
                return add(rng_.pick<const char*>({"ip.src", "ip.dst", "eth.src", "2001:db8::1"}));
        }
    }

    bool may_count() { return counts_++ < 20; }

    void form(unsigned depth) {
        const lisp::FormInfo& info = rng_.pick(lisp::all_forms());
        const std::string name(info.name);
        if (!wanted_.extensions && !info.takes_expressions()) return form(depth);
        switch (info.kind) {
            case FormKind::arithmetic:
            case FormKind::unary:
            case FormKind::comparison:
            case FormKind::conjunction:
            case FormKind::disjunction:
            case FormKind::negation:
            case FormKind::choice:
                return plain_form(info, depth);
            case FormKind::cond:
                add("(cond");
                for (uint64_t n = rng_.below(3); n > 0; --n) {
                    add(" (");
                    expression(depth - 1);
                    space();
                    expression(depth - 1);
                    add(")");
                }
                add(" (else ");
                expression(depth - 1);
                return add("))");
            case FormKind::let:
                return let(depth, false);
            case FormKind::has: {
                const auto headers = lisp::all_headers();
                std::string_view header;
                while (header.empty()) header = headers[rng_.below(headers.size())].name;
                return add("(has ", header, ")");
            }
            case FormKind::in:
                add("(in ");
                if (rng_.one_in(2))
                    address(depth - 1);
                else
                    expression(depth - 1);
                if (sets_ > 0 && rng_.one_in(2))
                    add(" @s", std::to_string(rng_.below(sets_)));
                else
                    for (uint64_t n = 1 + rng_.below(rng_.one_in(3) ? 12 : 4); n > 0; --n) member();
                return add(")");
            case FormKind::load:
                add("(", name);
                if (rng_.one_in(2))
                    add(rng_.pick<const char*>({" tcp.payload", " udp.payload", " sctp.payload",
                                                " icmp.payload", " icmp6.payload"}));
                space();
                if (rng_.one_in(4))
                    expression(depth - 1);
                else
                    add(std::to_string(rng_.below(rng_.one_in(9) ? 70000 : 60)));
                return add(")");
            case FormKind::reading:
                if (!wanted_.clock && name == "now") return atom();
                return add("(", name, ")");
            case FormKind::sample:
                if (!wanted_.clock) return atom();
                return add("(sample ", std::to_string(1 + rng_.below(4)), ")");
            case FormKind::rules:
                return rules(depth);
            case FormKind::count:
                if (!may_count()) return atom();
                add("(", name, " ");
                own_key(depth - 1);
                return add(")");
            case FormKind::flow_get:
            case FormKind::flow_set:
            case FormKind::flow_add:
                return flow(info, depth);
            case FormKind::rate:
                if (!wanted_.clock || !may_count()) return atom();
                add("(rate ");
                own_key(depth - 1);
                add(" ", std::to_string(1 + rng_.below(5)), rng_.one_in(2) ? " :per 3us" : "",
                    rng_.one_in(2) ? " :burst 2" : "", ")");
                return;
            case FormKind::call:  // needs a host
            case FormKind::definition:
            case FormKind::clause:
                return call_function(depth);
        }
    }

    void plain_form(const lisp::FormInfo& info, unsigned depth) {
        uint64_t count = info.min;
        if (info.max > info.min && rng_.one_in(3)) count += rng_.below(3);
        const bool equality = info.name == "=" || info.name == "!=";
        const bool addresses =
            wanted_.extensions && rng_.one_in(2) && (equality || info.kind == FormKind::choice);
        add("(", info.name);
        for (uint64_t i = 0; i < count; ++i) {
            space();
            if (addresses && equality && i == 1 && rng_.one_in(3))
                add(rng_.one_in(2) ? "10.0.0.0/31" : "::/63");
            else if (addresses && !(i == 0 && info.kind == FormKind::choice))
                address(depth - 1);
            else
                expression(depth - 1);
        }
        add(")");
    }

    /// A test that a rule table can hold.
    void plain_test() {
        const auto fields = lisp::all_header_fields();
        // Few fields, so that a table's 16 keys are enough for many rules.
        const auto field = [&] {
            return fields[(7 * table_fields_ + rng_.below(7)) % fields.size()].name;
        };
        switch (rng_.below(7)) {
            case 0:
                return add("(has ", rng_.pick<const char*>({"tcp", "udp", "ip", "vlan"}), ")");
            case 1:
                add("(in ", field());
                for (uint64_t n = 1 + rng_.below(3); n > 0; --n) member();
                return add(")");
            case 2:
                return add("(", rng_.pick<const char*>({"=", "!=", "<", "<=", ">", ">="}), " ",
                           field(), " ", std::to_string(rng_.below(70)), ")");
            case 3:
                return add(
                    "(", rng_.one_in(2) ? "=" : "!=", " ip.src ",
                    rng_.pick<const char*>({"10.0.0.1", "10.0.0.0/30", "0:0:0:1::1", "::/62"}),
                    ")");
            case 4: {
                const auto name = field();
                return add("(or (= ", name, " ", std::to_string(rng_.below(70)), ") (> 9 ", name,
                           "))");
            }
            case 5:
                add("(and ");
                plain_test();
                space();
                plain_test();
                return add(")");
            default:
                return add("(= tcp.dport ", rng_.pick<const char*>({"22", "53", "80", "443"}), ")");
        }
    }

    void long_rules(unsigned depth) {
        table_fields_ = static_cast<unsigned>(rng_.below(8));
        add("(rules");
        for (uint64_t n = 36 + rng_.below(10); n > 0; --n) {
            add("\n (when ");
            plain_test();
            add(" ", std::to_string(rng_.below(5)), ")");
        }
        if (rng_.one_in(2)) {
            add(" (when ");
            expression(depth - 1);
            add(" log)");
        }
        add(" (default ");
        if (rng_.one_in(2))
            add("7");
        else
            expression(depth - 1);
        add("))");
    }

    void rules(unsigned depth) {
        if (rng_.one_in(6) && !in_function_) return long_rules(depth);
        const auto verdict = [&] {
            if (rng_.one_in(2))
                add(rng_.pick<const char*>({"drop", "pass", "log"}));
            else
                expression(depth - 1);
        };
        add("(rules");
        for (uint64_t n = rng_.below(4); n > 0; --n) {
            add(" (when ");
            if (rng_.one_in(4)) add(":name \"rule ", std::to_string(n), "\" ");
            expression(depth - 1);
            space();
            verdict();
            add(")");
        }
        add(" (default ");
        verdict();
        add("))");
    }

    void flow(const lisp::FormInfo& info, unsigned depth) {
        if (tables_.empty()) return atom();
        const uint64_t table = rng_.below(tables_.size());
        add("(", info.name, " t", std::to_string(table), " (");
        // A list whose first element is no operator: a number keeps it one.
        for (const std::string& kind : tables_[table]) {
            text_ += " ";
            if (&kind == &tables_[table].front() && kind != "conn")
                add(kind == "ip" || kind == "ipv6" ? "ip.dst" : "port.dst");
            else
                key_element(depth - 1, kind);
        }
        add(")");
        if (info.kind != FormKind::flow_get) {
            space();
            expression(depth - 1);
        }
        add(")");
    }

    void call_function(unsigned depth) {
        if (functions_.empty()) return atom();
        const auto& [name, count] = one_of(functions_);
        add("(", name);
        for (uint64_t i = 0; i < count; ++i) {
            space();
            if (rng_.one_in(2))
                address(depth - 1);
            else
                expression(depth - 1);
        }
        add(")");
    }

    Rng& rng_;
    RandomLisp wanted_;
    std::string text_;
    unsigned counts_ = 0;
    bool in_function_ = false;
    unsigned table_fields_ = 0;
    unsigned sets_ = 0, values_ = 0, bound_ = 0;
    std::vector<std::vector<std::string>> tables_;  // kinds
    std::vector<std::pair<std::string, uint64_t>> functions_;
    std::vector<std::string> names_;   // of defined values
    std::vector<std::string> locals_;  // bound here
    std::vector<std::string> locals_in_definition_;
};

}  // namespace

std::string random_lisp(Rng& rng, RandomLisp wanted) { return LispWriter(rng, wanted).run(); }

}  // namespace vfm::test
