// Our engines: the interpreter and the JIT packet by packet, and bursts.
#include <array>
#include <map>
#include <stdexcept>

#include "core/lisp/compile.h"
#include "tests/bench/contenders.h"
#include "tests/bench/names.h"
#include "userspace/engines/engines.h"
#include "userspace/jit/native_program.h"

namespace vfm::bench {
namespace {

template <class T>
T value_or_throw(Result<T> result, const std::string& what) {
    if (!result) throw std::runtime_error(what + ": " + render(result.error().diagnostics));
    return *std::move(result);
}

VerifiedModule compiled(const BenchFilter& filter) {
    const auto source = std::make_shared<const SourceFile>(filter.name, filter.lisp);
    auto module = value_or_throw(lisp::compile(source), filter.name).module;
    return value_or_throw(verify_named(std::move(module), filter.name), filter.name);
}

std::unique_ptr<Instance> engine(std::string_view name, const BenchFilter& filter) {
    const EngineKind* kind = find_engine(name);
    return value_or_throw(kind->make(program_of(filter), {.bursts = true}), filter.name);
}

class OneByOne final : public Prepared {
  public:
    explicit OneByOne(std::unique_ptr<Instance> engine) : engine_(std::move(engine)) {}
    void walk(std::span<const Packet> packets, uint8_t* verdicts) override {
        Instance& engine = *engine_;
        walk_each(packets, verdicts, [&](const Packet& p) { return engine.run(p).value != 0; });
    }

  private:
    std::unique_ptr<Instance> engine_;
};

/// Generated code called through a pointer, as the C filters are.
class Native final : public Prepared {
  public:
    explicit Native(const BenchFilter& filter)
        : program_(value_or_throw(jit::NativeProgram::compile(program_of(filter)), filter.name)),
          tables_(program_of(filter).tables()) {}
    void walk(std::span<const Packet> packets, uint8_t* verdicts) override {
        const jit::NativeFunction function = program_->function();
        jit::RunState state;
        state.tables = tables_.data();
        walk_each(packets, verdicts, [&](const Packet& p) {
            return function(p.bytes.data(), p.bytes.size(), &state).value != 0;
        });
    }

  private:
    std::shared_ptr<const jit::NativeProgram> program_;
    FlowTables tables_;
};

class Bursts final : public Prepared {
  public:
    explicit Bursts(std::unique_ptr<Instance> engine) : engine_(std::move(engine)) {}
    void walk(std::span<const Packet> packets, uint8_t* verdicts) override {
        each_burst(packets, [&](std::span<const Outcome> results) {
            for (const Outcome& result : results) *verdicts++ = result.value != 0;
        });
    }
    bool timed_walk(std::span<const Packet> packets, uint8_t* /*verdicts*/) override {
        each_burst(packets, [](std::span<const Outcome> results) {
            asm volatile("" ::"r"(results.data()) : "memory");  // somebody reads them
        });
        return false;
    }

  private:
    template <class Use>
    void each_burst(std::span<const Packet> packets, Use&& use) {
        for (size_t i = 0; i < packets.size(); i += kBurst) {
            const auto burst = packets.subspan(i, std::min(kBurst, packets.size() - i));
            const std::span<Outcome> results = std::span(results_).first(burst.size());
            engine_->run_batch(burst, results);
            use(results);
        }
    }

    std::unique_ptr<Instance> engine_;
    std::array<Outcome, kBurst> results_;
};

std::unique_ptr<Prepared> prepare_native(const BenchFilter& filter) {
    return std::make_unique<Native>(filter);
}

std::unique_ptr<Prepared> prepare_bursts(const BenchFilter& filter) {
    return std::make_unique<Bursts>(engine("jit", filter));
}

std::function<void()> compile_native(const BenchFilter& filter) {
    return [&program = program_of(filter)] {
        value_or_throw(jit::NativeProgram::compile(program), "jit");
    };
}

std::unique_ptr<Prepared> prepare_interpreter(const BenchFilter& filter) {
    return std::make_unique<OneByOne>(engine("interp", filter));
}

}  // namespace

const VerifiedModule& program_of(const BenchFilter& filter) {
    static std::map<std::string, VerifiedModule> programs;
    const auto known = programs.find(filter.name);
    if (known != programs.end()) return known->second;
    return programs.emplace(filter.name, compiled(filter)).first->second;
}

void add_own(Field& field) {
    field.contenders.push_back({.name = "interp",
                                .what = what_is(engine_names(), "interp"),
                                .prepare = prepare_interpreter});
    if (const std::string reason = jit::NativeProgram::missing(); !reason.empty()) {
        add_missing(field, {"jit", "batch"}, reason);
        return;
    }
    field.contenders.push_back({.name = "jit",
                                .what = what_is(engine_names(), "jit"),
                                .prepare = prepare_native,
                                .compile = compile_native,
                                .compiles = "verified module to native code"});
    field.contenders.push_back(
        {.name = "batch", .what = what_is(engine_names(), "batch"), .prepare = prepare_bursts});
}

}  // namespace vfm::bench
