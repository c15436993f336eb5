// Deadlines as they lie beside filters. Skipped where BPF is not available.
#include "loader/deadline.h"

#include <bpf/bpf.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "core/base/clock.h"
#include "loader/shared_memory.h"
#include "loader/state.h"
#include "tests/unit/loader/private_bpffs.h"

BOOST_AUTO_TEST_SUITE(deadline_test)

using namespace vfm;
using test::bpf_is_there;
using test::bpffs;

namespace {

constexpr uint64_t kSecond = 1'000'000'000;

/// The directory of a filter of a generation, removed again.
struct FilterDirectory {
    std::string path;
    explicit FilterDirectory(const std::string& name) : path(bpffs() + "/vfm-2/" + name) {
        std::filesystem::create_directories(path);
    }
    ~FilterDirectory() { std::filesystem::remove_all(bpffs() + "/vfm-2"); }
    void pin(int map) const { BOOST_REQUIRE(bpf_obj_pin(map, (path + "/deadline").c_str()) == 0); }
};

}  // namespace

BOOST_AUTO_TEST_CASE(time_begins_once) {
    const uint64_t before = boot_now();
    const Deadline deadline = begun({.seconds = 60});
    BOOST_TEST(deadline.at >= before + 60 * kSecond);
    BOOST_TEST(deadline.at <= boot_now() + 60 * kSecond);
    BOOST_TEST((begun(deadline) == deadline));
    BOOST_TEST(!is_over(deadline));
    BOOST_TEST(seconds_left(deadline) == 60u);
    BOOST_TEST(seconds_left({.seconds = 60, .at = boot_now() + kSecond / 2}) == 1u);
    BOOST_TEST(seconds_left({.seconds = 60, .at = before}) == 0u);
    BOOST_TEST(is_over({.seconds = 60, .at = before}));
}

BOOST_AUTO_TEST_SUITE(pinned, *boost::unit_test::precondition(bpf_is_there))

BOOST_AUTO_TEST_CASE(written_and_read) {
    const FilterDirectory filter("4026531840-7/xdp/gen-3/filters/web");
    BOOST_TEST(!read_deadline(filter.path).has_value());
    BOOST_TEST(clear_deadline(filter.path).has_value());
    const Deadline deadline = begun({.seconds = 5});
    filter.pin(make_deadline(deadline).value().get());
    BOOST_TEST((read_deadline(filter.path) == deadline));
    const auto pending = pending_deadlines(bpffs());
    BOOST_TEST_REQUIRE(pending.size() == 1u);
    BOOST_TEST(pending[0].interface == bpffs() + "/vfm-2/4026531840-7");
    BOOST_TEST((pending[0].deadline == deadline));
    BOOST_TEST(clear_deadline(filter.path).has_value());
    BOOST_TEST(!read_deadline(filter.path).has_value());
    BOOST_TEST(pending_deadlines(bpffs()).empty());
    guard_deadlines(bpffs());  // it has nothing to wait for
}

BOOST_AUTO_TEST_CASE(its_action_is_kept) {
    const FilterDirectory filter("4026531840-7/xdp/gen-3/filters/web");
    const Deadline undo = {.seconds = 5, .at = 1, .action = AtDeadline::undo};
    filter.pin(make_deadline(undo).value().get());
    BOOST_TEST((read_deadline(filter.path) == undo));
    BOOST_TEST(clear_deadline(filter.path).has_value());
    const auto another = static_cast<AtDeadline>(3);
    filter.pin(make_deadline({.seconds = 5, .at = 1, .action = another}).value().get());
    BOOST_TEST(!read_deadline(filter.path).has_value());
}

BOOST_AUTO_TEST_CASE(what_is_none_is_none) {
    const FilterDirectory filter("4026531840-7/xdp/gen-3/filters/web");
    const auto other = SharedMemory::make("test", "other", 64);
    filter.pin(other->map());
    BOOST_TEST(!read_deadline(filter.path).has_value());
    BOOST_TEST(clear_deadline(filter.path).has_value());
    const Fd hash(bpf_map_create(BPF_MAP_TYPE_HASH, "other", 8, 8, 1, nullptr));
    filter.pin(hash.get());
    BOOST_TEST(!read_deadline(filter.path).has_value());
    BOOST_TEST(pending_deadlines(bpffs()).empty());
}

/// A filter that never came into force, with nothing to take off: the guard sweeps and ends.
BOOST_AUTO_TEST_CASE(a_guard_sweeps_what_is_over) {
    const FilterDirectory filter("4026531840-7/xdp/gen-3/filters/web");
    const Deadline deadline = {.seconds = 1, .at = boot_now() + kSecond / 5};
    filter.pin(make_deadline(deadline).value().get());
    guard_deadlines(bpffs());
    BOOST_TEST(is_over(deadline));
    BOOST_TEST(!std::filesystem::exists(bpffs() + "/vfm-2"));
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
