// What the C API tells of a run in steps is what `vfm-test --explain N --json` prints: the filters
// of the cookbook that do not ask for the time, on their own packets, and some by hand.
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/base/io.h"
#include "core/isa/error_kind.h"
#include "tests/harness/temp_dir.h"
#include "tests/unit/capi/vm.h"
#include "userspace/io/capture.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(explain_test)

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// A text as JSON has it: plain numbers of keys and values as numbers, several parts as a list.
Json parts(const std::string& text) {
    Json all = Json::array();
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, ',');) {
        const bool number = part.find_first_not_of("0123456789") == std::string::npos;
        all.push_back(number ? Json(std::stoull(part)) : Json(part));
    }
    return all.size() == 1 ? all[0] : all;
}

/// Of a step, from the members of the struct alone.
Json json_of(vfm_state_t* vm, const vfm_trace_step_t& step) {
    Json out{{"file", step.file},
             {"line", step.line ? Json(step.line) : Json()},
             {"column", step.column ? Json(step.column) : Json()},
             {"text", step.text}};
    if (step.is_instruction) out["code_offset"] = step.code_offset;
    if (step.error != VFM_SUCCESS)
        out["error"] = step.value_text;
    else if (step.absent)
        out["value"] = nullptr;
    else
        out["value"] = step.is_test ? Json(step.value[0]) : parts(step.value_text);
    if (step.bytes_size) out["bytes"] = {{"offset", step.bytes_offset}, {"size", step.bytes_size}};
    if (step.table) {
        out["table"] = step.table;
        out["key"] = parts(step.key_text);
        if (step.looked) out["before"] = step.before;
        if (step.wrote) out["after"] = step.after;
    }
    if (step.test_of) {
        out["rules"] = step.test_of;
        out["rule"] = step.test_rule;
    }
    if (step.decided) {
        vfm_counter_t counter{};
        BOOST_REQUIRE(vfm_counter_get(vm, step.decided_counter, &counter) == VFM_SUCCESS);
        BOOST_TEST(std::string(counter.group) == step.decided);
        out["decided"] = {
            {"rules", step.decided}, {"rule", step.decided_rule}, {"line", counter.line}};
    }
    return out;
}

/// A filter in a VM, its steps as JSON.
struct Traced {
    explicit Traced(const std::string& filter) : vm(new_vm()) {
        if (filter.ends_with(".vfl")) {
            uint8_t* bytecode = nullptr;
            uint32_t size = 0;
            char message[300];
            if (vfl_compile_file(filter.c_str(), nullptr, &bytecode, &size, message,
                                 sizeof message) != VFM_SUCCESS)
                BOOST_FAIL(message);
            const std::unique_ptr<uint8_t, Free> owner(bytecode);
            BOOST_REQUIRE(vfm_load_program(vm.get(), bytecode, size) == VFM_SUCCESS);
        } else {
            BOOST_REQUIRE(vfm_load_program_file(vm.get(), filter.c_str()) == VFM_SUCCESS);
        }
        BOOST_REQUIRE(vfm_set_step_trace(vm.get(), told, this) == VFM_SUCCESS);
    }

    static void told(void* user, const vfm_trace_step_t* step) {
        auto& self = *static_cast<Traced*>(user);
        self.steps.push_back(json_of(self.vm.get(), *step));
    }

    Json run(uint64_t number, ByteView packet) {
        steps = Json::array();
        BOOST_REQUIRE(vfm_step_begin(vm.get(), packet.data(), packet.size()) == VFM_SUCCESS);
        uint64_t value = 0;
        int code = VFM_STEP_MORE;
        while (code == VFM_STEP_MORE) code = vfm_step(vm.get(), &value);
        Json out{{"packet", number}, {"steps", steps}};
        if (code == VFM_SUCCESS)
            out["value"] = value;
        else
            out["error"] = error_name(static_cast<ErrorKind>(code));
        return out;
    }

    Vm vm;
    Json steps;
};

/// Of `command`, which must succeed.
std::string output_of(const std::string& command) {
    std::FILE* const pipe = ::popen(command.c_str(), "r");
    BOOST_REQUIRE(pipe);
    std::string out;
    char part[4096];
    while (const size_t size = std::fread(part, 1, sizeof part, pipe)) out.append(part, size);
    BOOST_TEST(WEXITSTATUS(::pclose(pipe)) == 0, command);
    return out;
}

/// Steps that were compared: those of the second packet and of each ninth from there on.
size_t compare(const std::string& filter, const std::string& pcap) {
    Traced traced(filter);
    auto capture = *CaptureReader::open(pcap);
    size_t compared = 0;
    for (uint64_t number = 1;; ++number) {
        const CapturedPacket* const captured = *capture.next();
        if (!captured) return compared;
        const Json ours = traced.run(number, captured->packet.bytes);
        if (number % 9 != 2) continue;
        const std::string theirs =
            output_of("'" VFM_TEST_TOOL "' --explain " + std::to_string(number) + " --json '" +
                      filter + "' '" + pcap + "'");
        BOOST_TEST(ours.dump(1) == Json::parse(theirs).dump(1), filter);
        compared += ours["steps"].size();
    }
}

bool asks_for_the_time(const fs::path& filter) {
    std::stringstream text;
    text << std::ifstream(filter).rdbuf();
    return text.str().contains("(rate ") || text.str().contains("(now)");
}

BOOST_AUTO_TEST_CASE(it_is_the_explanation_that_vfm_test_gives) {
    const TempDir dir;
    output_of("python3 -B '" VFM_SOURCE_DIR "/tests/cookbook/captures.py' '" + (dir / "") + "'");
    size_t filters = 0, steps = 0;
    for (const auto& file : fs::directory_iterator(VFM_SOURCE_DIR "/docs/cookbook")) {
        if (file.path().extension() != ".vfl" || asks_for_the_time(file)) continue;
        ++filters;
        steps += compare(file.path(), dir / (file.path().stem().string() + ".pcap"));
    }
    BOOST_TEST(filters >= 10u);
    BOOST_TEST(steps > 1000u);

    const std::string pcap = dir / "20-vlan-trunk.pcap";
    const std::string tables = dir.write(
        "tables.vfl",
        "(deftable t :key (ip port))\n"
        "(rules (when (> (flow-add! t (ip.src tcp.dport) 1) 1) log)\n"
        "  (when (in (count-by conn) 1 3) (count-by eth.src)) (when (= (/ 6 ip.ttl) 0) drop)\n"
        "  (default (flow-get t (10.0.0.1 80))))\n");
    BOOST_TEST(compare(tables, pcap) > 0u);
    const Bytes plain = assembled("LD16 12\nPUSH16 0x8100\nJEQ yes\nLD8 60\nRET\nyes: RET 1\n");
    const std::string program =
        dir.write("plain.bin", {reinterpret_cast<const char*>(plain.data()), plain.size()});
    BOOST_TEST(compare(program, pcap) > 0u);
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
