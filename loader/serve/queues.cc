#include "loader/serve/queues.h"

#include <fmt/core.h>
#include <sys/eventfd.h>
#include <sys/random.h>

#include <cerrno>
#include <system_error>

#include "loader/enforce.h"
#include "loader/kernel.h"
#include "loader/served.h"

namespace vfm {
namespace {

/// Each thread has random numbers of its own that nobody can guess.
uint64_t seed() {
    uint64_t seed = 0;
    while (getrandom(&seed, sizeof seed, 0) < 0 && errno == EINTR) continue;
    return seed;
}

}  // namespace

Result<std::unique_ptr<Queues>> Queues::open(QueueParts parts) {
    std::unique_ptr<Queues> queues(new Queues(std::move(parts)));
    queues->stop_ = Fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!queues->stop_)
        return refuse(queues->parts_.interface.name,
                      fmt::format("cannot make an eventfd: {}", error_text(errno)));
    return queues;
}

Result<> Queues::add() {
    const uint32_t number = size();
    if (number >= parts_.most)
        return refuse(
            parts_.interface.name,
            fmt::format("queue {} is not served: there was room for {}", number, parts_.most));
    live::SocketOptions options;
    options.interface = parts_.interface.name;
    options.ifindex = parts_.interface.index;
    options.queue = number;
    options.frames = parts_.frames;
    options.multi_buffer = parts_.multi_buffer;
    options.has_tags = parts_.has_tags;
    auto socket = TRY(live::Socket::open(options));
    TRY(parts_.handover->set_socket(number, socket->fd()));

    InstanceOptions instance;
    instance.random_seed = seed();
    instance.live_sets = parts_.live_sets;
    if (!parts_.counters.empty()) {
        const auto& groups = parts_.program->verified().module().counter_groups;
        const size_t size = counters_part(groups);
        instance.counters =
            std::make_shared<Counters>(groups, parts_.counters.subspan(number * size, size));
    }
    const std::shared_ptr<FlowTables> tables(parts_.tables, &parts_.tables->tables());
    live::WorkerParts parts;
    parts.filter = TRY(parts_.program->instantiate_on(tables, instance));
    parts.socket = std::move(socket);
    parts.tables = parts_.tables.get();
    parts.give_back = parts_.give_back;
    parts.queue = number;
    parts.shared = &parts_.handover->queues()[number];
    parts.stats = &parts_.served[1 + number].stats;
    parts.drop_on_error = parts_.drop_on_error;
    parts.enforcement = enforcement_of(number, instance.counters);
    parts.stop = stop_.get();
    Queue queue;
    queue.worker = std::make_unique<live::Worker>(std::move(parts));
    try {
        queue.thread = std::thread([worker = queue.worker.get()] { worker->run(); });
    } catch (const std::system_error& error) {
        return refuse(parts_.interface.name,
                      fmt::format("cannot start a thread for queue {}: {}", number, error.what()));
    }
    queues_.push_back(std::move(queue));
    return {};
}

live::Enforcement Queues::enforcement_of(uint32_t queue, std::shared_ptr<Counters> counters) const {
    if (parts_.enforce.empty()) return {};
    const size_t part = enforce_part(parts_.program->verified().module().counter_groups);
    const auto own = parts_.enforce.subspan(sizeof(vfm_enforce) + queue * part, part);
    return {.shared = reinterpret_cast<const vfm_enforce*>(parts_.enforce.data()),
            .would_drop = {reinterpret_cast<uint64_t*>(own.data()), part / sizeof(uint64_t)},
            .counters = std::move(counters)};
}

void Queues::silence() {
    for (Queue& queue : queues_) queue.worker->silence();
}

void Queues::stop() {
    if (stop_) eventfd_write(stop_.get(), 1);
    for (Queue& queue : queues_) queue.thread.join();
    queues_.clear();
}

std::vector<uint32_t> Queues::deaf() const {
    std::vector<uint32_t> numbers;
    for (uint32_t i = 0; i < size(); ++i)
        if (queues_[i].worker->is_deaf()) numbers.push_back(i);
    return numbers;
}

int Queues::error() const {
    for (const Queue& queue : queues_)
        if (const int error = queue.worker->error(); error != 0) return error;
    return 0;
}

}  // namespace vfm
