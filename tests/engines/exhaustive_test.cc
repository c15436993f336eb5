// Every small VFLisp filter on a packet cut at every length: interpreter, other engines and the
// tree evaluator agree. Bounds mistakes live here.
#include <boost/test/unit_test.hpp>

#include "core/lisp/compile.h"
#include "core/lisp/forms.h"
#include "tests/engines/case_file.h"
#include "tests/engines/compare.h"
#include "tests/engines/sizes.h"
#include "tests/engines/table.h"
#include "tests/engines/tree_engine.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(exhaustive_test)

namespace {

using Texts = std::vector<std::string>;

std::vector<Bytes> all_lengths() {
    std::vector<Bytes> packets;
    const Bytes tcp = packet_words("tcp sport=0xfffe dport=6 flags=0x12 len=60");
    for (size_t length = 0; length <= tcp.size(); ++length)
        packets.emplace_back(tcp.begin(), tcp.begin() + static_cast<ptrdiff_t>(length));
    for (const char* words : {"udp", "arp", "tcp6", "tcp dport=80 flags=0"})
        packets.push_back(packet_words(words));
    return packets;
}

/// Every application of a form to arguments from one list, with its least number of arguments and
/// one more if it takes more.
void apply(const lisp::FormInfo& form, const Texts& arguments, Texts& out) {
    for (uint32_t count = form.min; count <= std::min(form.max, form.min + 1); ++count) {
        if (count == 3 && form.min < 3) break;  // chains of three add nothing to pairs
        std::vector<size_t> at(count, 0);
        for (bool more = true; more;) {
            std::string text = "(" + std::string(form.name);
            for (const size_t i : at) text += " " + arguments[i];
            out.push_back(text + ")");
            more = false;
            for (size_t i = 0; i < count && !more; ++i) {
                more = ++at[i] < arguments.size();
                if (!more) at[i] = 0;
            }
        }
    }
}

/// One more level: each form with one argument from `deep` and atoms beside it.
void nest(const lisp::FormInfo& form, const Texts& deep, const Texts& atoms, Texts& out) {
    for (const std::string& inner : deep)
        for (uint32_t place = 0; place < form.min; ++place)
            for (const std::string& atom : atoms) {
                std::string text = "(" + std::string(form.name);
                for (uint32_t i = 0; i < form.min; ++i) text += " " + (i == place ? inner : atom);
                out.push_back(text + ")");
                if (form.min == 1) break;
            }
}

void agree_on(const Texts& filters, const char* what) {
    const std::vector<Bytes> packets = all_lengths();
    Differential differential(test_engines());
    // A slow build takes every n-th filter.
    const size_t wanted = sized(static_cast<unsigned>(filters.size()));
    const size_t step = (filters.size() + wanted - 1) / wanted;
    for (size_t i = 0; i < filters.size(); i += step) {
        const auto source = std::make_shared<const SourceFile>("small.vfl", filters[i]);
        const auto compiled = lisp::compile(source);
        BOOST_TEST_REQUIRE(compiled.has_value(), filters[i] << " does not compile");
        const auto tree = parse_tree(source);
        BOOST_TEST_REQUIRE(tree.has_value());
        const auto program = verify(compiled->module);
        BOOST_TEST_REQUIRE(program.has_value());
        const auto difference = differential.run(*program, packets, make_tree_engine(*tree));
        if (difference)
            BOOST_FAIL(filters[i] << " on packet " << difference->packet << " ("
                                  << packets[difference->packet].size() << " bytes): "
                                  << difference->engine << " gives " << difference->what);
    }
    BOOST_TEST_MESSAGE(what << ": " << filters.size() / step << " filters\n"
                            << differential.summary());
    BOOST_TEST(differential.lazy(1.0, 1.0) == "");
}

Texts fields() {
    Texts out;
    for (const lisp::FieldInfo& field : lisp::all_fields()) out.emplace_back(field.name);
    return out;
}

/// Header-aware fields, which every engine takes milliseconds to compile: each alone, and of a
/// number, an address and what is computed each form.
Texts header_fields() {
    Texts out;
    for (const lisp::HeaderField& field : lisp::all_header_fields())
        out.push_back(fmt::format("(not {})", field.name));
    for (const lisp::HeaderInfo& header : lisp::all_headers())
        if (!header.name.empty()) out.push_back(fmt::format("(has {})", header.name));
    for (const lisp::FormInfo& form : lisp::all_forms())
        if (form.takes_expressions() && form.min < 3)
            for (const char* name : {"tcp.dport", "ip.src", "payload.len"})
                out.push_back(form.min == 1 ? fmt::format("({} {})", form.name, name)
                                            : fmt::format("({} proto {})", form.name, name));
    return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(one_operator) {
    Texts atoms = fields();
    for (const char* number : {"0", "1", "6", "0xffff", "0x8000000000000000", "-1"})
        atoms.emplace_back(number);
    Texts filters = atoms;
    for (const std::string& text : header_fields()) filters.push_back(text);
    for (const lisp::FormInfo& form : lisp::all_forms())
        if (form.takes_expressions())
            apply(form, form.min < 3 ? atoms : Texts{"proto", "dst-port", "tcp-flags", "0", "6"},
                  filters);
    agree_on(filters, "one operator");
}

BOOST_AUTO_TEST_CASE(two_operators) {
    const Texts atoms = {"proto", "dst-port", "tcp-flags", "0", "6", "-1"};
    Texts deep;
    for (const char* name : {"+", "-", "/", "<<", "=", "<", "and", "or", "not", "count-by"})
        for (const lisp::FormInfo& form : lisp::find_forms(name))
            apply(form, {"proto", "tcp-flags", "6"}, deep);
    Texts filters;
    for (const lisp::FormInfo& form : lisp::all_forms())
        if (form.takes_expressions()) nest(form, deep, atoms, filters);
    agree_on(filters, "two operators");
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
