// Any text as a file of --expect: each line is understood or an error at its place.
#include "core/lisp/compile.h"
#include "tests/fuzz/fuzz.h"
#include "userspace/tools/test_expect.h"

using namespace vfm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const auto filter = lisp::compile(std::make_shared<const SourceFile>(
        "f.vfl", "(rules (when :name \"web\" (= tcp.dport 80) pass) (default drop))"));
    VFM_CHECK(filter.has_value(), "the filter compiles");
    const auto lines = parse_expected(fuzz::text("wanted", data, size), filter->module);
    if (!lines) {
        fuzz::check_messages(lines.error());
        return 0;
    }
    for (const Expected& line : *lines) {
        VFM_CHECK(line.packet != 0 && line.line != 0, "packets and lines count from 1");
        VFM_CHECK(line.rule.has_value() == !line.rule_text.empty(), "a rule is one that is there");
    }
    return 0;
}
