#include "loader/serve/server.h"

#include <bpf/bpf.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <iterator>

#include "core/base/clock.h"
#include "core/module/module_file.h"
#include "loader/bpffs.h"
#include "loader/generation.h"
#include "loader/kernel.h"
#include "loader/link.h"
#include "loader/live_sets.h"
#include "loader/messages.h"
#include "loader/serve/daemon.h"
#include "loader/serve/hand_over_facts.h"
#include "loader/serve/mounts.h"
#include "loader/served.h"

namespace vfm {
namespace {

constexpr int kLookEvery = 250;    // ms, at the interface and whether the filter was taken off
constexpr int kUntilTold = 2'000;  // ms, from the link's end to the word of who ended it
constexpr size_t kServedBytes = sizeof(vfm_served) * (1 + VFM_MAX_QUEUES);

Diagnostic note(const std::string& where, std::string message) {
    auto diagnostic = Diagnostic::about(where, std::move(message));
    diagnostic.severity = Severity::note;
    return diagnostic;
}

/// What ends it as a descriptor; blocked in every thread that begins from now on.
Result<Fd> catch_signals() {
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    // A terminal that goes ends what runs in its foreground, but not what was to outlive it.
    struct sigaction hang_up{};
    sigaction(SIGHUP, nullptr, &hang_up);
    if (hang_up.sa_handler != SIG_IGN) sigaddset(&ends, SIGHUP);
    std::signal(SIGPIPE, SIG_IGN);  // nobody need read what it says
    pthread_sigmask(SIG_BLOCK, &ends, nullptr);
    Fd fd(signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK));
    if (fd) return fd;
    return refuse("vfm-xdp", fmt::format("cannot make a signalfd: {}", error_text(errno)));
}

}  // namespace

Result<std::unique_ptr<Server>> Server::start(const Filter& filter, const Interface& interface,
                                              const ServeOptions& options,
                                              std::vector<Diagnostic>& notes) {
    hold_standard_streams();
    std::unique_ptr<Server> server(new Server(interface, options));
    TRY(server->prepare(filter));
    TRY(server->attach(notes));
    return server;
}

Server::~Server() {
    // Threads use all the rest; what XDP hands over meanwhile follows the on-error verdict.
    queues_.reset();
}

/// What needs neither the lock nor the interface's attention.
Result<> Server::prepare(const Filter& filter) {
    const VerifiedModule verified = TRY(verify_filter(filter));
    auto live = make_live_program(verified);
    if (!live) return std::unexpected(locate(filter, std::move(live).error()));
    live_ = *std::move(live);
    const AttachOptions& attach = options_.attach;
    record_ = Record{.name = attach.name,
                     .interface = interface_.name,
                     .ifindex = interface_.index,
                     .network_namespace = TRY(network_namespace()),
                     .hook = attach.hook,
                     .mode = Mode::userspace,
                     .engine = live_.engine,
                     .messages = {},
                     .hand_over = {},
                     .drop_on_error = attach.drop_on_error,
                     .priority = attach.priority,
                     .attached_at = utc_now(),
                     .source_name = {},
                     .source = {},
                     .stats_map = "vfm_stats",
                     .tables = {},
                     .counters = {},
                     .program = module_bytes(verified.module()),
                     .program_size = 0};
    record_.program_size = record_.program.size();
    show_source(record_, verified);
    record_.messages = messages_path(record_);
    const auto state = TRY(interface_state(interface_.index));
    if (!state) return refuse(interface_.name, "the interface is gone");
    state_ = *state;
    return make_tables();
}

Result<> Server::make_tables() {
    const VerifiedModule& verified = live_.program->verified();
    demand_ = TRY(demand_of(verified, interface_.name, state_.queues, options_.attach.most_memory));
    const auto declarations = tables_in_use(verified);
    std::vector<std::span<std::byte>> memories;
    for (size_t i = 0; i < declarations.size(); ++i) {
        const std::string name = fmt::format("vfm_table_{}", i);
        const size_t size = FlowTable::memory_size(declarations[i]);
        table_memory_.push_back(TRY(SharedMemory::make(interface_.name, name, size)));
        memories.push_back(table_memory_.back().bytes().first(size));
        record_.tables.push_back({declarations[i].name, declarations[i].key,
                                  declarations[i].capacity, name, declarations[i].shared});
    }
    tables_ = std::make_shared<SharedTables>(declarations, memories);
    live_sets_ = make_live_sets(verified.module());
    if (std::ranges::any_of(live_sets_, [](const auto& set) { return set != nullptr; }))
        set_changes_ = TRY(SharedMemory::make(interface_.name, kSetsMap, sizeof(LiveSetChanges)));
    served_ = TRY(SharedMemory::make(interface_.name, kServedMap, kServedBytes));
    if (const size_t part = counters_part(verified.module().counter_groups); part > 0) {
        counters_ = TRY(SharedMemory::make(interface_.name, kCountersMap, part * demand_.most));
        record_.counters = {kCountersMap};
    }
    return {};
}

vfm_served* Server::served() const {
    return reinterpret_cast<vfm_served*>(served_->bytes().data());
}

/// What fails is all undone before the next way is tried.
Result<> Server::attach(std::vector<Diagnostic>& notes) {
    bpffs_ = leave_mounts(TRY(ensure_bpffs(options_.attach.bpffs)));
    const auto lock = TRY(InterfaceLock::take(bpffs_, record_.place()));
    TRY(check_free(bpffs_, record_));
    if (const auto programs = TRY(xdp_programs(interface_)); !programs.empty())
        return refuse(interface_.name,
                      fmt::format("{} already holds XDP here and is left alone",
                                  program_text(programs.front())),
                      "frames are handed to user space by a program at XDP, of which an interface "
                      "has one; `bpftool net` shows what is attached");
    const HandOverPlan plan =
        TRY(plan_hand_over(hand_over_facts(interface_, state_), options_.hand_over));
    signals_ = TRY(catch_signals());
    watch_ = std::make_unique<InterfaceWatch>(TRY(InterfaceWatch::open()));
    for (const HandOverWay& way : plan.ways) {
        auto stands = hand_over(way);
        if (stands) {
            std::ranges::copy(way.warnings, std::back_inserter(notes));
            break;
        }
        undo_hand_over();
        if (&way == &plan.ways.back()) {
            std::ranges::copy(plan.closed, std::back_inserter(stands.error().diagnostics));
            return std::unexpected(std::move(stands).error());
        }
        notes.push_back(note(interface_.name, stands.error().diagnostics.front().message));
    }
    messages_ = TRY(Messages::open(record_.messages));
    return pin_all();
}

Result<> Server::hand_over(const HandOverWay& way) {
    const bool native = way.mode == Mode::native;
    handover_ = std::make_unique<Handover>(
        TRY(Handover::load(interface_, {.drop_on_error = record_.drop_on_error,
                                        .generic = !native,
                                        .multi_buffer = way.multi_buffer,
                                        .ask_for_tags = way.ask_for_tags})));
    TRY(open_queues(way));
    NewLink link = TRY(
        make_link(handover_->program(), interface_, HookPoint::xdp, way.mode, "--hand-over=skb"));
    link_ = std::move(link.fd);
    record_.hand_over = native ? "native" : "skb";
    way_ = way;
    return {};
}

/// A driver that does not tell its queues has as many as take a socket.
Result<> Server::open_queues(const HandOverWay& way) {
    give_back_ = TRY(GiveBack::open(static_cast<int>(interface_.index), demand_.most));
    queues_ =
        TRY(Queues::open({.interface = interface_,
                          .frames = demand_.frames,
                          .most = demand_.most,
                          .multi_buffer = way.multi_buffer,
                          .has_tags = way.ask_for_tags,
                          .drop_on_error = record_.drop_on_error,
                          .program = live_.program,
                          .tables = tables_,
                          .live_sets = live_sets_,
                          .handover = handover_.get(),
                          .give_back = give_back_.get(),
                          .served = {served(), 1 + VFM_MAX_QUEUES},
                          .counters = counters_ ? counters_->bytes() : std::span<std::byte>()}));
    while (queues_->size() < demand_.queues) {
        const auto added = queues_->add();
        if (added) continue;
        if (!demand_.driver_tells && queues_->size() > 0) break;
        return std::unexpected(added.error());
    }
    return {};
}

void Server::undo_hand_over() {
    link_.reset();
    queues_.reset();
    give_back_.reset();
    handover_.reset();
}

Result<> Server::pin_all() {
    const StoredHook hook = TRY(hook_for_change(bpffs_, record_.place()));
    NewDirectory directory(generation_directory(hook, hook.number + 1));
    const std::string place = filter_place(record_.name);
    stored_ = {.directory = directory.path() + "/" + place,
               .link = hook.directory + "/link",
               .record_pin = directory.path() + "/record",
               .record = record_,
               .condition = Condition::attached,
               .interface = interface_.name,
               .program_id = link_state(link_.get()).value_or(LinkState{}).program};
    TRY(directory.make());
    TRY(directory.make_below(place + "/maps"));
    service_lock_ = take_service_lock(stored_.directory);
    if (!service_lock_)
        return refuse(stored_.directory, fmt::format("cannot lock it: {}", error_text(errno)));
    TRY(directory.pin(handover_->program(), "program"));
    const auto pin = [&](int map, std::string_view name) {
        return directory.pin(map, fmt::format("{}/maps/{}", place, name));
    };
    for (const Handover::PinnedMap& map : handover_->pinned_maps()) TRY(pin(map.fd, map.name));
    TRY(pin(served_->map(), kServedMap));
    if (counters_) TRY(pin(counters_->map(), kCountersMap));
    if (set_changes_) {
        TRY(pin(set_changes_->map(), kSetsMap));
        TRY(pin_sets(stored_.directory));
    }
    for (size_t i = 0; i < table_memory_.size(); ++i)
        TRY(pin(table_memory_[i].map(), record_.tables[i].map));
    const Fd record = TRY(make_record_map({stored_.program_id, {record_}}));
    TRY(directory.pin(record.get(), "record"));
    TRY(pin_at(stored_.link, link_.get()));
    directory.keep();
    return messages_->publish();
}

/// Live sets as the program declares them.
Result<> Server::pin_sets(const std::string& directory) {
    for (size_t i = 0; i < live_sets_.size(); ++i) {
        if (!live_sets_[i]) continue;
        LiveMembers members;
        for (const SetMember& member : live_sets_[i]->state()->set.members)
            members.emplace(member, kNever);
        TRY(write_live_set(directory, i, members));
    }
    return {};
}

/// Takes over what commands have changed and what has expired.
void Server::look_at_sets() {
    auto& changes = *reinterpret_cast<LiveSetChanges*>(set_changes_->bytes().data());
    const uint64_t made = __atomic_load_n(&changes.made, __ATOMIC_ACQUIRE);
    const uint64_t now = monotonic_now();
    if (made == changes.taken && now < next_expiry_) return;
    next_expiry_ = UINT64_MAX;
    bool all = true;
    for (size_t i = 0; i < live_sets_.size(); ++i)
        if (live_sets_[i]) all &= take_set(i, now);
    if (all) __atomic_store_n(&changes.taken, made, __ATOMIC_RELEASE);
}

/// False, and a message, if what is pinned there cannot be taken.
bool Server::take_set(size_t number, uint64_t now) {
    LiveSet& set = *live_sets_[number];
    auto stored = read_live_set(stored_.directory, number);
    if (!stored) {
        messages_->say(stored.error().diagnostics.front().message);
        return false;
    }
    drop_expired(*stored, now);
    std::vector<SetMember> members;
    for (const auto& [member, expires] : *stored) {
        if (std::string fault = set.fault(member); !fault.empty()) {
            messages_->say(fault);
            return false;
        }
        members.push_back(member);
        next_expiry_ = std::min(next_expiry_, expires);
    }
    if (members == set.state()->set.members || set.replace(members)) return true;
    messages_->say(fmt::format("{} members are too many for a set", members.size()));
    return false;
}

Server::End Server::serve() {
    while (end_.empty()) {
        pollfd wait[] = {{.fd = signals_.get(), .events = POLLIN, .revents = 0},
                         {.fd = watch_->fd(), .events = POLLIN, .revents = 0}};
        poll(wait, 2, kLookEvery);
        if (is_told_to_stop()) return End::taken_off;
        if (wait[0].revents != 0) {
            messages_->say("a signal ends the process");
            return End::signal;
        }
        if (wait[1].revents != 0 && watch_->take(interface_.index)) look_at_interface();
        if (end_.empty()) look_at_queues();
        if (set_changes_) look_at_sets();
    }
    if (is_detached_ && is_told_soon()) return End::taken_off;
    messages_->say(end_);
    if (is_unpinned_) {  // nobody can detach it any more
        take_off();
        (void)remove();
    }
    return End::lost;
}

bool Server::is_told_to_stop() {
    return __atomic_load_n(&served()->control.stop, __ATOMIC_ACQUIRE) != 0;
}

/// `detach` takes the filter off the interface before it says so, that no packet meets one which is
/// not served.
bool Server::is_told_soon() {
    constexpr int kStep = 10;
    for (int waited = 0; waited < kUntilTold; waited += kStep) {
        if (is_told_to_stop()) return true;
        poll(nullptr, 0, kStep);
    }
    return false;
}

void Server::finish() {
    if (!queues_) return;
    queues_->silence();
    queues_->stop();
    queues_.reset();
    give_back_.reset();
}

void Server::take_off() {
    (void)bpf_link_detach(link_.get());
    finish();
}

Result<> Server::remove() {
    // Somebody who detaches at this moment has the other lock and waits for this one.
    flock(service_lock_.get(), LOCK_UN);
    const auto lock = TRY(InterfaceLock::take(bpffs_, record_.place()));
    messages_->remove();
    if (!is_ours()) return {};
    return remove_state(stored_.link.substr(0, stored_.link.rfind('/')));
}

/// False if the filter was taken off by somebody else, though there may be another of its name.
bool Server::is_ours() const {
    struct stat held{}, named{};
    return fstat(service_lock_.get(), &held) == 0 && stat(stored_.directory.c_str(), &named) == 0 &&
           held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

/// Its name, address and MTU are the helper's too; without it there is nothing to serve.
void Server::look_at_interface() {
    const auto found = interface_state(interface_.index);
    if (!found) return messages_->say(found.error().diagnostics.front().message);
    if (!*found) {
        end_ =
            fmt::format("{} is gone from this network namespace: the filter is not served any more",
                        state_.name);
        return;
    }
    const InterfaceState before = std::exchange(state_, **found);
    if (state_ == before) return;
    if (state_.name != before.name)
        messages_->say(fmt::format("{} is {} now", before.name, state_.name));
    interface_.name = state_.name;
    if (const auto updated = give_back_->update(); !updated)
        messages_->say(updated.error().diagnostics.front().message);
    if (!way_.multi_buffer && state_.mtu + kTagAndEthernet > live::Socket::kChunk && !silenced_) {
        silence(
            fmt::format("an MTU of {} is more than this kernel hands over: packets follow the "
                        "on-error verdict",
                        state_.mtu));
    }
}

void Server::look_at_queues() {
    if (const auto deaf = queues_->deaf(); !deaf.empty() && !silenced_)
        silence(
            fmt::format("none of the frames handed to queue {} arrives: packets follow the "
                        "on-error verdict",
                        deaf.front()));
    if (const int error = queues_->error(); error != 0)
        end_ = fmt::format("the socket of a queue has failed: {}", error_text(error));
    const auto link = link_state(link_.get());
    if (link && link->ifindex == 0) {
        end_ = "its program is not attached any more";
        is_detached_ = true;
    }
    if (is_absent(stored_.link)) {
        end_ = "its pin is gone, and the filter with it";
        is_unpinned_ = true;
    }
    const uint32_t now = receive_queues(interface_.name).now;
    if (unserved_ != 0 && now <= queues_->size()) {
        show_next_queue(0);
        unserved_ = 0;
    }
    if (end_.empty() && !silenced_ && now > queues_->size() && now != unserved_) add_queues(now);
}

/// Those that have come since. What cannot be served is said once.
void Server::add_queues(uint32_t now) {
    while (queues_->size() < now) {
        const auto added = queues_->add();
        if (added) {
            messages_->say(fmt::format("queue {} is served, too", queues_->size() - 1));
            continue;
        }
        messages_->say(added.error().diagnostics.front().message);
        unserved_ = now;
        show_next_queue(1);
        break;
    }
    // The kernel's veth runs no program on a queue that is new, until one is put there.
    if (way_.mode != Mode::native) return;
    if (const auto renewed = renew_program(); !renewed)
        messages_->say(renewed.error().diagnostics.front().message);
}

/// The next queue has no thread that beats: with a limit the filter is seen to be unserved.
void Server::show_next_queue(uint64_t limit) {
    if (queues_->size() < VFM_MAX_QUEUES) handover_->queues()[queues_->size()].limit = limit;
}

/// The kernel does nothing where a link gets the program that it has: so it gets another one of the
/// same kind before.
Result<> Server::renew_program() {
    const Handover twin = TRY(handover_->twin());
    for (const int program : {twin.program(), handover_->program()})
        if (bpf_link_update(link_.get(), program, nullptr) != 0)
            return refuse(interface_.name, fmt::format("cannot put the program on new queues: {}",
                                                       error_text(errno)));
    return {};
}

void Server::silence(const std::string& why) {
    queues_->silence();
    silenced_ = true;
    messages_->say(why);
}

}  // namespace vfm
