// Any text: VFLisp compiles it to a program that verifies, or says where it is wrong. What it
// compiles does on a packet what the tree says.
#include "core/lisp/compile.h"
#include "tests/engines/tree_engine.h"
#include "tests/fuzz/fuzz.h"
#include "userspace/interp/interpreter.h"

using namespace vfm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto source = fuzz::text("f.vfl", data, size);
    const auto compiled = lisp::compile(source);
    if (!compiled) {
        fuzz::check_messages(compiled.error());
        for (const Diagnostic& d : compiled.error().diagnostics)
            VFM_CHECK(d.source != nullptr, "an error has a place");
        return 0;
    }
    render(compiled->warnings);
    const auto program = verify(compiled->module);
    VFM_CHECK(program.has_value(), "what compiles verifies");
    const auto engine = instance_of(interpreter_program(*program));
    if (!engine) return 0;
    const auto tree = test::parse_tree(source);
    VFM_CHECK(tree.has_value(), "what compiles has a tree");
    // The tree's tables have no end.
    for (const TableDecl& table : tree->tables)
        if (table.capacity < kDefaultCapacity) return 0;
    const auto witness = test::make_tree_engine(*tree);
    // The text itself is as good a packet as any; twice, for what flow tables remember.
    for (int i = 0; i < 2; ++i) {
        const Packet packet{ByteView(data, size), 0};
        VFM_CHECK((*engine)->run(packet) == witness->run(packet), "code does what the tree says");
    }
    return 0;
}
