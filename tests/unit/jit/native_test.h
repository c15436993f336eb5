// Functions made by hand or at random, run as machine code and by the direct evaluator of the IR.
#pragma once

#include <array>
#include <boost/test/unit_test.hpp>
#include <memory>
#include <string>
#include <vector>

#include "core/base/check.h"
#include "core/ir/form/ir.h"
#include "core/verify/verify.h"
#include "tests/harness/ir_eval.h"
#include "tests/harness/rng.h"
#include "userspace/jit/native_program.h"

namespace vfm::test {

/// A program with one flow table; the functions under test stand in for its IR.
inline const VerifiedModule& any_program() {
    static const VerifiedModule program = [] {
        Module module;
        encode(module.code, Opcode::PUSH8, 0);
        encode(module.code, Opcode::RET);
        return *verify(std::move(module));
    }();
    return program;
}

/// CPUs from the least to the one at hand.
inline std::vector<jit::Cpu> cpus() {
    const jit::Cpu host = jit::Cpu::host();
    std::vector<jit::Cpu> all = {{}, host};
    if (host.bmi2) all.push_back({.bmi2 = true});
    if (host.avx2) all.push_back({.movbe = host.movbe, .bmi2 = host.bmi2, .avx2 = true});
    return all;
}

/// Machine code of a function with its own state.
class Native {
  public:
    explicit Native(const ir::Function& function, const jit::CompileOptions& options = {})
        : tables_(any_program().tables()) {
        auto compiled = jit::NativeProgram::compile(any_program(), function, options);
        VFM_CHECK(compiled.has_value(), render(compiled.error().diagnostics).c_str());
        program_ = *std::move(compiled);
        state_.tables = tables_.data();
    }
    Outcome run(const Packet& packet) {
        const ByteView bytes = packet.visible();
        state_.now = packet.timestamp;
        return program_->function()(bytes.data(), bytes.size(), &state_);
    }
    const jit::NativeProgram& program() const { return *program_; }

  private:
    std::shared_ptr<const jit::NativeProgram> program_;
    FlowTables tables_;
    jit::RunState state_;
};

/// A function under construction.
class Maker {
  public:
    explicit Maker(size_t blocks = 1) {
        function.blocks.resize(blocks);
        function.fuel = kDefaultFuel;
    }

    ir::ValueId number(uint64_t imm) {
        const auto id = static_cast<ir::ValueId>(function.values.size());
        function.values.push_back({.op = ir::Op::constant, .imm = imm});
        auto& body = function.blocks[0].body;
        body.insert(body.begin(), id);
        return id;
    }
    ir::ValueId add(ir::Value value, ir::BlockId block = 0) {
        const auto id = static_cast<ir::ValueId>(function.values.size());
        function.values.push_back(value);
        function.blocks[block].body.push_back(id);
        return id;
    }
    ir::ValueId add(ir::Op op, ir::ValueId a, ir::ValueId b = ir::kNone, ir::BlockId block = 0) {
        return add({.op = op, .a = a, .b = b}, block);
    }
    ir::ValueId load(unsigned size, uint64_t offset, bool raw = false, ir::BlockId block = 0) {
        return add({.op = raw ? ir::Op::load_raw : ir::Op::load,
                    .size = static_cast<uint8_t>(size),
                    .imm = offset},
                   block);
    }
    void guard_length(uint64_t length, ir::BlockId block = 0) {
        add({.op = ir::Op::guard_len, .imm = length}, block);
    }
    ir::ValueId param(ir::BlockId block) {
        const auto id = static_cast<ir::ValueId>(function.values.size());
        function.values.push_back({.op = ir::Op::param});
        function.blocks[block].params.push_back(id);
        return id;
    }
    void ret(ir::ValueId value, ir::BlockId block = 0) {
        function.blocks[block].end = {.kind = ir::Terminator::Kind::ret, .a = value};
    }

    ir::Function function;
};

/// Fails the test where machine code for any CPU, with any of some choices of registers, differs
/// from the evaluator on a packet.
inline void agree(const ir::Function& function, const std::vector<Packet>& packets,
                  uint64_t seeds = 4) {
    const std::string broken = ir::check(function);
    BOOST_TEST_REQUIRE(broken == "", broken + "\n" + ir::print(function));
    for (const jit::Cpu& cpu : cpus())
        for (uint64_t seed = 0; seed <= seeds; ++seed) {
            IrEvaluator evaluator(function);
            Native native(function, {.register_seed = seed, .cpu = &cpu});
            for (const Packet& packet : packets) {
                const Outcome wanted = evaluator.run(packet), got = native.run(packet);
                if (got == wanted) continue;
                BOOST_TEST_REQUIRE(false, "value " << got.value << " error " << int(got.error)
                                                   << " instead of " << wanted.value << " error "
                                                   << int(wanted.error) << ", seed " << seed
                                                   << ", avx2 " << cpu.avx2 << ", packet of "
                                                   << packet.bytes.size() << " bytes\n"
                                                   << ir::print(function));
            }
        }
}

/// Bytes of all sorts: some equal, some special, some at random.
inline Bytes random_bytes(Rng& rng, size_t size) {
    Bytes bytes(size);
    const uint64_t sort = rng.below(3);
    for (uint8_t& byte : bytes)
        byte = static_cast<uint8_t>(sort == 0 ? rng.below(256) : sort == 1 ? rng.below(3) : 0xff);
    return bytes;
}

}  // namespace vfm::test
