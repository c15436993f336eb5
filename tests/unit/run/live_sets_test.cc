// Sets that are changed while a filter runs.
#include "core/run/live_sets.h"

#include <boost/test/unit_test.hpp>

#include "userspace/interp/interpreter.h"
#include "userspace/interp/stepped_program.h"
#include "userspace/jit/native_program.h"

using namespace vfm;

namespace {

/// IN of the live set 1 with the packet's first two bytes as key; set 0 is constant.
VerifiedModule program() {
    Module module;
    module.code = {1, 0, 0, 141, 1, 0, 22};  // LD16 0, IN 1, RET
    module.sets.resize(2);
    module.sets[0].name = "constant";
    module.sets[0].members = {{0, 1, 64}};
    module.sets[1].name = "blocked";
    module.sets[1].width = 32;
    module.sets[1].live = true;
    module.sets[1].members = {{0, 0x107, 24}, {0, 5, 32}, {0, 5, 32}};
    return verify(std::move(module)).value();
}

using Members = std::vector<SetMember>;

Members members_of(const LiveSets& sets) { return sets.declaration(1).members; }

}  // namespace

BOOST_AUTO_TEST_SUITE(live_sets)

BOOST_AUTO_TEST_CASE(begin_as_the_module_says) {
    const LiveSets sets(program());
    BOOST_TEST((sets.find("blocked") == 1u));
    BOOST_TEST(!sets.find("constant").has_value());
    BOOST_TEST(!sets.find("other").has_value());
    BOOST_TEST((members_of(sets) == Members{{0, 5, 32}, {0, 0x100, 24}}));
    BOOST_TEST(sets.data()[0]->contains(0, 1));
    BOOST_TEST(sets.data()[1]->contains(0, 0x1ff));
    BOOST_TEST(!sets.data()[1]->contains(0, 0x200));
}

BOOST_AUTO_TEST_CASE(members_come_and_go) {
    LiveSets sets(program());
    const PreparedSet* const* const data = sets.data();
    BOOST_TEST(sets.add(1, Members{{0, 9, 32}, {0, 9, 32}, {0, 5, 32}}).has_value());
    BOOST_TEST((members_of(sets) == Members{{0, 5, 32}, {0, 9, 32}, {0, 0x100, 24}}));
    BOOST_TEST(data[1]->contains(0, 9));
    // To remove what is none changes nothing; of a network the rest stays.
    BOOST_TEST(sets.remove(1, Members{{0, 77, 32}, {0, 0x1c0, 32}, {0, 9, 32}}).has_value());
    BOOST_TEST(!data[1]->contains(0, 9));
    for (uint64_t key = 0x100; key < 0x200; ++key)
        BOOST_TEST(data[1]->contains(0, key) == (key != 0x1c0));
    BOOST_TEST(members_of(sets).size() == 9u);
    BOOST_TEST(sets.remove(1, Members{{0, 0x1ab, 24}}).has_value());
    BOOST_TEST((members_of(sets) == Members{{0, 5, 32}}));
    BOOST_TEST(sets.replace(1, Members{{0, 8, 31}}).has_value());
    BOOST_TEST((members_of(sets) == Members{{0, 8, 31}}));
    BOOST_TEST(!data[1]->contains(0, 5));
    BOOST_TEST(data[1]->contains(0, 9));
    BOOST_TEST(sets.replace(1, {}).has_value());
    BOOST_TEST(!data[1]->contains(0, 9));
}

BOOST_AUTO_TEST_CASE(members_that_do_not_fit_change_nothing) {
    LiveSets sets(program());
    const Members before = members_of(sets);
    for (const SetMember& wrong :
         {SetMember{0, uint64_t{1} << 32, 32}, SetMember{1, 0, 32}, SetMember{0, 1, 33}}) {
        const Members list = {{0, 77, 32}, wrong};
        const auto added = sets.add(1, list);
        BOOST_TEST((!added.has_value() && added.error().status == Status::refused));
        BOOST_TEST(!sets.remove(1, list).has_value());
        BOOST_TEST(!sets.replace(1, list).has_value());
    }
    BOOST_TEST((members_of(sets) == before));
}

BOOST_AUTO_TEST_CASE(every_engine_asks_them_as_they_are) {
    const VerifiedModule filter = program();
    std::vector<std::shared_ptr<const UserProgram>> programs = {interpreter_program(filter).value(),
                                                                stepped_program(filter)};
    for (const jit::BatchVariant bursts : {jit::BatchVariant::scalar, jit::BatchVariant::best}) {
        const auto native = jit::NativeProgram::compile(filter, {.bursts = bursts});
        if (native) programs.push_back(*native);
    }
    const auto sets = std::make_shared<LiveSets>(filter);
    std::vector<std::unique_ptr<Instance>> sharing, alone;
    for (const auto& one : programs) {
        sharing.push_back(one->instantiate({.sets = sets}).value());
        alone.push_back(one->instantiate().value());
    }
    const Bytes seven = {0, 7};
    const std::vector<Packet> burst(100, Packet{seven});
    std::vector<Outcome> results(100);
    const auto all_give = [&](uint64_t value) {
        for (const auto& instance : sharing) {
            BOOST_TEST((instance->run(burst[0]) == Outcome::of(value)), instance->name());
            instance->run_batch(burst, results);
            for (const Outcome& result : results) BOOST_REQUIRE((result == Outcome::of(value)));
        }
    };
    all_give(0);
    BOOST_TEST(sets->add(1, Members{{0, 7, 32}}).has_value());
    all_give(1);
    for (const auto& instance : alone) BOOST_TEST((instance->run(burst[0]) == Outcome::of(0)));
    BOOST_TEST(sets->remove(1, Members{{0, 7, 32}}).has_value());
    all_give(0);
}

BOOST_AUTO_TEST_SUITE_END()
