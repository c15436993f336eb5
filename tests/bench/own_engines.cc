// Our engines: the interpreter and the JIT packet by packet, and bursts.
#include <map>
#include <stdexcept>

#include "core/lisp/compile.h"
#include "tests/bench/contenders.h"
#include "userspace/engines/engines.h"

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

std::unique_ptr<Engine> engine(std::string_view name, const BenchFilter& filter) {
    const EngineKind* kind = find_engine(name);
    return value_or_throw(kind->make(program_of(filter)), filter.name);
}

class OneByOne final : public Prepared {
  public:
    explicit OneByOne(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}
    void walk(std::span<const Packet> packets, uint8_t* verdicts) override {
        Engine& engine = *engine_;
        walk_each(packets, verdicts, [&](const Packet& p) { return engine.run(p).value != 0; });
    }

  private:
    std::unique_ptr<Engine> engine_;
};

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
    field.contenders.push_back(
        {.name = "interp", .what = "VFM's reference interpreter", .prepare = prepare_interpreter});
}

}  // namespace vfm::bench
