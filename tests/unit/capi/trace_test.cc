// What runs in single steps evaluate, as the C API tells it.
#include <fmt/core.h>

#include <functional>

#include "tests/unit/capi/vm.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(trace_test)

namespace {

/// "1:8 (= tcp.dport 22) = false ..." with all that a step says.
std::string line_of(const vfm_trace_step_t& step) {
    std::string line = step.is_instruction ? fmt::format("+{}", step.code_offset)
                                           : fmt::format("{}:{}", step.line, step.column);
    line += fmt::format(" {} = {}", step.text, step.value_text);
    if (step.bytes_size) line += fmt::format(" @{}/{}", step.bytes_offset, step.bytes_size);
    if (step.table) {
        line += fmt::format(" {}[{}]", step.table, step.key_text);
        if (step.looked) line += fmt::format(" from {}", step.before);
        if (step.wrote) line += fmt::format(" to {}", step.after);
    }
    if (step.test_of) line += fmt::format(" test of {} {}", step.test_of, step.test_rule);
    if (step.decided) line += fmt::format(" decided {} {}", step.decided, step.decided_rule);
    return line + "\n";
}

/// A VM that is traced.
struct Traced {
    explicit Traced(const Bytes& program) : vm(vm_with(program)) { trace(); }

    int trace() { return vfm_set_step_trace(vm.get(), told, this); }
    static void told(void* user, const vfm_trace_step_t* step) {
        auto& self = *static_cast<Traced*>(user);
        self.out += line_of(*step);
        self.last = *step;
        if (self.also) self.also();
    }

    int begin(const std::vector<uint8_t>& packet) {
        out.clear();
        return vfm_step_begin(vm.get(), packet.data(), packet.size());
    }
    int end() {
        int code = VFM_STEP_MORE;
        while (code == VFM_STEP_MORE) code = vfm_step(vm.get(), &value);
        return code;
    }
    std::string run(const std::vector<uint8_t>& packet) {
        BOOST_REQUIRE(begin(packet) == VFM_SUCCESS);
        end();
        return out;
    }

    Vm vm;
    std::string out;
    vfm_trace_step_t last{};
    uint64_t value = 0;
    std::function<void()> also;
};

Bytes compiled(const char* source) {
    uint8_t* bytecode = nullptr;
    uint32_t size = 0;
    char message[200];
    BOOST_REQUIRE(vfl_compile_string(source, &bytecode, &size, message, sizeof message) ==
                  VFM_SUCCESS);
    const std::unique_ptr<uint8_t, Free> owner(bytecode);
    return {bytecode, bytecode + size};
}

/// Ethernet, IPv4 from 10.0.0.1 to 10.0.0.2, TCP from port 1 to 443.
std::vector<uint8_t> web() {
    std::vector<uint8_t> packet(60);
    packet[12] = 8;
    packet[14] = 0x45;
    packet[23] = 6;
    packet[26] = packet[30] = 10;
    packet[29] = packet[35] = 1;
    packet[33] = 2;
    packet[36] = 443 >> 8;
    packet[37] = 443 & 0xff;
    return packet;
}

BOOST_AUTO_TEST_CASE(expressions_are_told_with_all_that_is_known_of_them) {
    Traced traced(
        compiled("(deftable seen :key (ip port))\n"
                 "(rules (when :name \"ssh\" (= udp.dport 22) drop)\n"
                 "  (when (> (flow-add! seen (ip.src tcp.dport) 1) 1) drop)\n"
                 "  (default pass))"));
    const std::string whole =
        "(rules (when :name \"ssh\" (= udp.dport 22) drop)\n"
        "  (when (> (flow-add! seen (ip.src tcp.dport) 1) 1) drop)\n"
        "  (default pass))";
    const std::string test = "(> (flow-add! seen (ip.src tcp.dport) 1) 1)";
    const std::string add = "(flow-add! seen (ip.src tcp.dport) 1)";
    const auto told = [&](const char* entry, const char* holds, const char* end) {
        return "2:29 udp.dport = absent\n2:26 (= udp.dport 22) = false test of rules 1\n"
               "3:29 ip.src = 10.0.0.1 @26/4\n3:36 tcp.dport = 443 @36/2\n3:12 " +
               add + entry + "3:9 " + test + holds + "2:1 " + whole + end;
    };
    BOOST_TEST(traced.run(web()) == told(" = 1 seen[10.0.0.1,443] from 0 to 1\n",
                                         " = false test of rules 2\n", " = 1 decided rules 0\n"));
    BOOST_TEST(traced.value == 1u);
    BOOST_TEST(traced.run(web()) == told(" = 2 seen[10.0.0.1,443] from 1 to 2\n",
                                         " = true test of rules 2\n", " = 0 decided rules 2\n"));
    BOOST_TEST(traced.value == 0u);

    vfm_counter_t counter{};
    BOOST_TEST(traced.last.decided_counter == 2u);
    BOOST_TEST(vfm_counter_get(traced.vm.get(), traced.last.decided_counter, &counter) ==
               VFM_SUCCESS);
    BOOST_TEST(counter.line == 3u);
    BOOST_TEST(std::string(traced.last.file) == "<expr>");
}

BOOST_AUTO_TEST_CASE(values_have_their_words_and_what_these_stand_for) {
    struct Row {
        std::string text;
        int kind;
        std::vector<uint64_t> words;
        int is_test, absent;
        uint32_t depth;
        bool operator==(const Row&) const = default;
    };
    const auto rows = [](const char* source) {
        std::vector<Row> all;
        const Vm vm = vm_with(compiled(source));
        const auto told = [](void* user, const vfm_trace_step_t* step) {
            static_cast<std::vector<Row>*>(user)->push_back(
                {step->text,
                 step->value_kind,
                 {step->value, step->value + step->value_words},
                 step->is_test,
                 step->absent,
                 step->depth});
        };
        BOOST_REQUIRE(vfm_set_step_trace(vm.get(), told, &all) == VFM_SUCCESS);
        const std::vector<uint8_t> packet = web();
        BOOST_REQUIRE(vfm_step_begin(vm.get(), packet.data(), packet.size()) == VFM_SUCCESS);
        while (vfm_step(vm.get(), nullptr) == VFM_STEP_MORE) continue;
        return all;
    };
    const uint64_t mapped = 0xffff0a000001;
    const auto all =
        rows("(rules (when (and (= ip.src 10.0.0.1) (= eth.src 1) (has vlan)) 7) (default 9))");
    const std::vector<Row> expected = {{"ip.src", VFM_KEY_IP, {0, mapped}, 0, 0, 3},
                                       {"(= ip.src 10.0.0.1)", VFM_KEY_U64, {1}, 1, 0, 2},
                                       {"eth.src", VFM_KEY_MAC, {0}, 0, 0, 3},
                                       {"(= eth.src 1)", VFM_KEY_U64, {0}, 1, 0, 2}};
    BOOST_REQUIRE(all.size() == 6u);
    for (size_t i = 0; i < expected.size(); ++i) BOOST_TEST((all[i] == expected[i]), all[i].text);
    const auto of_conn = rows(
        "(rules (when (> (count-by conn) 1) 7) (when (= udp.dport 1) 8) "
        "(when (= vlan.id 1) 6) (default 9))");
    const std::vector<uint64_t> conn = {0, mapped, 1, 0, mapped + 1, 443, 6};
    BOOST_TEST((of_conn.at(0) == Row{"conn", VFM_KEY_CONN, conn, 0, 0, 3}));
    BOOST_TEST((of_conn.at(3) == Row{"udp.dport", VFM_KEY_U64, {}, 0, 1, 2}));
}

BOOST_AUTO_TEST_CASE(a_program_without_expressions_is_told_by_instruction) {
    Traced traced(assembled("LD16 36\nPUSH8 80\nJEQ yes\nRET 0\nyes: LD8 200\nRET\n"));
    BOOST_TEST(traced.run(web()) ==
               "+0 LD16 36 = 443 @36/2\n+3 PUSH8 80 = 80\n+5 JEQ +0x12 = absent\n"
               "+8 PUSH 0 = 0\n+17 RET = 0\n");
    BOOST_TEST(traced.last.is_instruction == 1);
    BOOST_TEST(traced.last.line == 0u);
    std::vector<uint8_t> packet = web();
    packet[36] = 0;
    packet[37] = 80;
    BOOST_TEST(traced.run(packet).ends_with("+18 LD8 200 = BOUNDS\n"), traced.out);
    BOOST_TEST(traced.last.error == VFM_ERROR_BOUNDS);
    BOOST_TEST(traced.last.value_words == 0u);
    BOOST_TEST(traced.last.absent == 0);
}

BOOST_AUTO_TEST_CASE(each_step_tells_what_it_has_done) {
    Traced traced(assembled("PUSH8 7\nPUSH8 1\nADD\nRET\n"));
    BOOST_TEST(traced.begin({}) == VFM_SUCCESS);
    BOOST_TEST(traced.out == "");
    BOOST_TEST(vfm_step(traced.vm.get(), nullptr) == VFM_STEP_MORE);
    BOOST_TEST(traced.out == "+0 PUSH8 7 = 7\n");
    BOOST_TEST(traced.end() == VFM_SUCCESS);
    const std::string whole = traced.out;
    BOOST_TEST(whole.ends_with("+4 ADD = 8\n+5 RET = 8\n"), whole);
    BOOST_TEST(traced.end() == VFM_SUCCESS);  // after the end nothing is told
    BOOST_TEST(traced.out == whole);
}

BOOST_AUTO_TEST_CASE(nobody_is_told_from_the_moment_that_nobody_is_to_be) {
    Traced traced(assembled("PUSH8 7\nRET\n"));
    BOOST_TEST(vfm_set_step_trace(nullptr, nullptr, nullptr) == VFM_ERROR_INVALID_PROGRAM);
    traced.begin({});
    BOOST_TEST(vfm_set_step_trace(traced.vm.get(), nullptr, nullptr) == VFM_SUCCESS);
    BOOST_TEST(traced.end() == VFM_SUCCESS);
    BOOST_TEST(traced.out == "");
    // A run that begins so tells nobody to its end.
    traced.begin({});
    traced.trace();
    BOOST_TEST(traced.end() == VFM_SUCCESS);
    BOOST_TEST(traced.out == "");
    BOOST_TEST(traced.run({}) == "+0 PUSH8 7 = 7\n+2 RET = 7\n");
    // One that was told goes on being told, whoever is.
    traced.begin({});
    BOOST_TEST(vfm_step(traced.vm.get(), nullptr) == VFM_STEP_MORE);
    traced.trace();
    BOOST_TEST(traced.end() == VFM_SUCCESS);
    BOOST_TEST(traced.out == "+0 PUSH8 7 = 7\n+2 RET = 7\n");
}

BOOST_AUTO_TEST_CASE(changes_of_the_vm_keep_the_trace) {
    Traced traced(assembled("RET 7\n"));
    const std::string whole = traced.run({});
    BOOST_TEST(whole != "");
    BOOST_TEST(vfm_set_insn_limit(traced.vm.get(), 100) == VFM_SUCCESS);
    BOOST_TEST(traced.run({}) == whole);
    BOOST_TEST(vfm_flow_table_init(traced.vm.get(), 10) == VFM_SUCCESS);
    BOOST_TEST(traced.run({}) == whole);
    BOOST_TEST(load(traced.vm, assembled("LEN\nRET\n")) == VFM_SUCCESS);
    BOOST_TEST(traced.run({1, 2}) == "+0 LEN = 2\n+1 RET = 2\n");
    BOOST_TEST(vfm_set_insn_limit(traced.vm.get(), 1) == VFM_SUCCESS);
    BOOST_TEST(traced.run({1, 2}) == "+0 LEN = LIMIT\n");
    // Before a program is loaded, too.
    Vm other = new_vm();
    std::swap(traced.vm, other);
    traced.trace();
    BOOST_TEST(load(traced.vm, assembled("RET 7\n")) == VFM_SUCCESS);
    BOOST_TEST(traced.run({}) == whole);
}

uint64_t zero(void* /*user*/, const uint64_t* /*arguments*/) { return 0; }

BOOST_AUTO_TEST_CASE(who_is_told_may_use_the_vm_but_not_end_the_run) {
    Traced traced(
        compiled("(defset s :live 1)\n(rules (when (in (count-by ip.src) @s) 7) (default 9))"));
    vfm_state_t* const vm = traced.vm.get();
    const Bytes plain = assembled("RET 5\n");
    vfm_program_t* program = nullptr;
    BOOST_REQUIRE(vfm_program_create(&program, plain.data(), static_cast<uint32_t>(plain.size())) ==
                  VFM_SUCCESS);
    const Program owner(program);
    vfm_set_t* set = nullptr;
    BOOST_REQUIRE(vfm_set_open(vm, "s", &set) == VFM_SUCCESS);
    const std::vector<uint8_t> packet = web();
    const std::function<int()> refused[] = {
        [&] { return load(traced.vm, plain); },
        [&] { return vfm_use_program(vm, program); },
        [&] { return vfm_set_insn_limit(vm, 9); },
        [&] { return vfm_flow_table_init(vm, 9); },
        [&] { return vfm_register_function(vm, "f", 0, zero, nullptr); },
        [&] { return vfm_use_set(vm, "s", set); },
        [&] { return vfm_step_begin(vm, packet.data(), packet.size()); },
        [&] { return vfm_step(vm, nullptr); }};
    unsigned told = 0;
    traced.also = [&] {
        ++told;
        for (const auto& call : refused) {
            BOOST_TEST(call() == VFM_ERROR_INVALID_PROGRAM);
            BOOST_TEST(std::string(vfm_error_message(vm)) ==
                       "step: error: INVALID_PROGRAM: one is under way");
        }
        vfm_destroy(vm);
        BOOST_TEST(vfm_get_insn_count(vm) > 0u);
        BOOST_TEST(run(traced.vm, packet) >= 7);
        vfm_flow_table_clear(vm);
        vfm_counters_reset(vm);
        const vfm_member_t member{0, told, 64};
        BOOST_TEST(vfm_set_add(set, &member, 1, nullptr) == VFM_SUCCESS);
        BOOST_TEST(vfm_set_step_trace(vm, Traced::told, &traced) == VFM_SUCCESS);
    };
    BOOST_TEST(traced.begin(packet) == VFM_SUCCESS);
    BOOST_TEST(traced.end() == VFM_SUCCESS);
    BOOST_TEST(told == 4u);
    BOOST_TEST(traced.value == 7u);
    traced.also = nullptr;
    for (const auto& call : refused) {  // afterwards none of them is
        if (&call == &refused[7]) BOOST_REQUIRE(traced.begin(packet) == VFM_SUCCESS);
        BOOST_TEST(call() >= VFM_SUCCESS);
        if (&call <= &refused[1])
            BOOST_REQUIRE(load(traced.vm, compiled("(defset s :live 1)\n(rules (when (in (count-by "
                                                   "ip.src) @s) 7) (default 9))")) == VFM_SUCCESS);
    }
    vfm_set_close(set);
}

BOOST_AUTO_TEST_CASE(who_is_told_may_end_the_telling) {
    Traced traced(assembled("PUSH8 7\nRET\n"));
    traced.also = [&] { vfm_set_step_trace(traced.vm.get(), nullptr, nullptr); };
    BOOST_TEST(traced.run({}) == "+0 PUSH8 7 = 7\n");
    BOOST_TEST(traced.value == 7u);
}

BOOST_AUTO_TEST_CASE(a_host_function_that_a_step_calls_does_not_end_the_run) {
    const Vm vm = new_vm();
    const auto steps = [](void* user, const uint64_t*) -> uint64_t {
        auto* const own = static_cast<vfm_state_t*>(user);
        return vfm_step(own, nullptr) == VFM_ERROR_INVALID_PROGRAM &&
               vfm_set_insn_limit(own, 9) == VFM_ERROR_INVALID_PROGRAM;
    };
    BOOST_REQUIRE(vfm_register_function(vm.get(), "f", 0, steps, vm.get()) == VFM_SUCCESS);
    BOOST_REQUIRE(load(vm, assembled(".import f args=0\nCALL 0\nRET\n")) == VFM_SUCCESS);
    BOOST_REQUIRE(vfm_step_begin(vm.get(), nullptr, 0) == VFM_SUCCESS);
    uint64_t value = 0;
    while (vfm_step(vm.get(), &value) == VFM_STEP_MORE) continue;
    BOOST_TEST(value == 1u);
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
