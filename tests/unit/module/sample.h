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
        {.name = "(& src-ip 4294967040)"},
        {.name = "pairs", .key = {KeyKind::ip, KeyKind::ipv6, KeyKind::mac}, .shared = true}};
    module.sets = {{"ports", 32, false, {{0, 80, 32}, {0, 0x0a000000, 8}}},
                   {"hosts", 128, true, {{0x20010db800000000, 1, 128}, {0, 0, 0}}},
                   {"empty", 64, false, {}}};
    module.imports = {{"lookup", 3}};
    RuleTable rules{"rules", {32, 128}, {1, 0, UINT64_MAX, 7}, 2, {}};
    rules.rows = {{1, {{RuleTest::Kind::prefix, 0, 0x0a000000, 0, 0, 8}, {}}},
                  {1, {{}, {RuleTest::Kind::range, 0, 5, 1, 9, 0}}},
                  {3,
                   {{RuleTest::Kind::range, 0, 1, 0, 2, 0},
                    {RuleTest::Kind::prefix, 0x20010db800000000, 0, 0, 0, 32}}},
                  {3, {{}, {}}}};
    module.rule_tables = {rules};
    module.counter_groups = {{"rules",
                              {{"f.vfl", 4, "default", ""},
                               {"in.vfl", 1, "(= proto 6) pass", "web"},
                               {"f.vfl", 9, "", ""}}},
                             {"one", {{"f.vfl", 1, "x", ""}}}};
    module.source_name = "f.vfl";
    module.source_text = std::string("; \xff\x00 anything\n1\n", 17);
    module.included = {{"in.vfl", "; included\n"}, {"empty.vfl", ""}};
    module.lines = {{0, {2, 1}}, {2, {1, 2}, 1}};
    using How = CodeExpression::How;
    module.map = {{{0, 3, 0, {15, 16}, How::result, CodeExpression::Shown::number, 1},
                   {0, 2, 1, {2, 5}, How::falls_true, CodeExpression::Shown::truth, 0, 1, 2}},
                  {0},
                  {2}};
    module.rule_tests = {{0, module.code, {{"hosts", 128, false, {{1, 2, 128}}}}, module.map},
                         {0, module.code, {}, {}}};
    return module;
}

}  // namespace vfm::test
