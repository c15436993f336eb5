#include "tests/bench/kernel/counted.h"

#include <fmt/core.h>

#include "core/base/io.h"
#include "tests/bench/kernel/loaded.h"
#include "tests/harness/object_program.h"
#include "tests/twins/blocked_list.h"

namespace vfm::bench {
namespace {

constexpr uint64_t kBegin = 1'000'000'000'000, kBetween = 100'000;  // ns

class Counter {
  public:
    static Result<Counter> load(const test::ObjectProgram& program, const std::string& name) {
        auto machine = ebpf::Machine::load(program.image());
        if (!machine) return failure(name, machine.error());
        return Counter(name, *std::move(machine));
    }

    Result<uint64_t> run(const ebpf::Input& input) {
        const auto action = machine_.run(input);
        if (!action) return failure(name_, action.error());
        steps_ += machine_.steps();
        return *action;
    }
    double mean(size_t runs) const {
        return static_cast<double>(steps_) / static_cast<double>(runs);
    }

  private:
    Counter(std::string name, ebpf::Machine machine)
        : name_(std::move(name)), machine_(std::move(machine)) {}
    static std::unexpected<Failure> failure(const std::string& name, const ebpf::Fault& fault) {
        return fail(
            Diagnostic::about(name, fmt::format("instruction {}: {}", fault.pc, fault.reason)),
            Status::refused);
    }

    std::string name_;
    ebpf::Machine machine_;
    uint64_t steps_ = 0;
};

Result<test::ObjectProgram> program_of_twin(const twins::Twin& twin) {
    const std::string path = twins::path_of(twin, twins::Clock::kernel);
    const Bytes file = TRY(read_file(path));
    auto program = TRY(test::read_object(file, path));
    if (program.data.size() == sizeof(twin_blocked)) {
        const twin_blocked blocked = TRY(twins::read_blocked(VFM_COOKBOOK "/geo-block.txt"));
        const auto* bytes = reinterpret_cast<const uint8_t*>(&blocked);
        program.data.assign(bytes, bytes + sizeof blocked);
    }
    return program;
}

}  // namespace

Result<Executed> count_executed(const Subject& subject) {
    const Bytes elf = bpf::write_elf(TRY(our_build(subject.program)));
    const auto our_program = TRY(test::read_object(elf, subject.name));
    const auto their_program = TRY(program_of_twin(subject.twin));
    Counter ours = TRY(Counter::load(our_program, subject.name));
    Counter clang = TRY(Counter::load(their_program, subject.name + " in C"));
    uint64_t now = kBegin;
    for (const Bytes& head : subject.heads) {
        Bytes frame = head;
        frame.resize(BENCH_FRAME_BYTES);
        const ebpf::Input input{.bytes = frame, .timestamp = now += kBetween};
        if (TRY(ours.run(input)) != TRY(clang.run(input)))
            return fail(
                Diagnostic::about(subject.name,
                                  fmt::format("our program and that in C differ on packet {}",
                                              &head - subject.heads.data())),
                Status::disagree);
    }
    return Executed{ours.mean(subject.heads.size()), clang.mean(subject.heads.size())};
}

}  // namespace vfm::bench
