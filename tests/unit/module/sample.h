// A module that declares one of everything.
#pragma once

#include "core/module/module.h"

namespace vfm::test {

inline Module sample_module() {
    Module module;
    encode(module.code, Opcode::PUSH8, 1);
    encode(module.code, Opcode::RET);
    module.fuel = 12345;
    module.tables = {
        {.name = "src-ip", .key = {KeyKind::ipv4}, .capacity = 7, .eviction = Eviction::none},
        {.name = "(& src-ip 4294967040)"}};
    module.sets = {{"ports", 32, false, {{0, 80, 32}, {0, 0x0a000000, 8}}},
                   {"hosts", 128, false, {{0x20010db800000000, 1, 128}, {0, 0, 0}}},
                   {"empty", 64, false, {}}};
    module.imports = {{"lookup", 3}};
    RuleTable rules{"rules", {32, 128}, {0, 0, 0}, 0, {}};
    rules.rows = {{1, {{RuleTest::Kind::prefix, 0, 0x0a000000, 0, 0, 8}, {}}},
                  {2, {{}, {RuleTest::Kind::range, 0, 5, 0, 9, 0}}},
                  {3, {{}, {}}}};
    module.rule_tables = {rules};
    module.source_name = "f.vfl";
    module.source_text = std::string("; \xff\x00 anything\n1\n", 17);
    module.lines = {{0, {2, 1}}, {2, {2, 2}}};
    return module;
}

}  // namespace vfm::test
