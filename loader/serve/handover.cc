#include "loader/serve/handover.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/core.h>
#include <sys/mman.h>

#include <cerrno>
#include <utility>

#include "bpf/handover.skel.h"
#include "loader/kernel.h"
#include "userspace/live/socket.h"

namespace vfm {
namespace {

constexpr size_t kQueueBytes = VFM_MAX_QUEUES * sizeof(vfm_queue);
// Linux 5.18 and 6.3; Debian 12's headers have only the first.
constexpr uint32_t kHasFrags = 1U << 5;     // BPF_F_XDP_HAS_FRAGS
constexpr uint32_t kDeviceBound = 1U << 6;  // BPF_F_XDP_DEV_BOUND_ONLY
constexpr uint32_t kDrop = 1, kPass = 2;    // XDP_DROP, XDP_PASS

std::unexpected<Failure> refused(const std::string& interface, std::string_view what, int error) {
    std::string hint;
    if (error == EPERM || error == -EPERM)
        hint = "it takes CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, or root";
    return refuse(interface, fmt::format("cannot {}: {}", what, error_text(error)),
                  std::move(hint));
}

}  // namespace

void Handover::Closer::operator()(handover_bpf* object) const { handover_bpf__destroy(object); }

Handover::Handover(Handover&& other) noexcept
    : object_(std::move(other.object_)),
      queues_(std::exchange(other.queues_, nullptr)),
      options_(other.options_),
      interface_(std::move(other.interface_)) {}

Handover& Handover::operator=(Handover&& other) noexcept {
    std::swap(object_, other.object_);
    std::swap(queues_, other.queues_);
    std::swap(options_, other.options_);
    std::swap(interface_, other.interface_);
    return *this;
}

Handover::~Handover() {
    if (queues_) munmap(queues_, kQueueBytes);
}

Result<Handover> Handover::load(const Interface& interface, const HandoverOptions& options) {
    silence_libbpf();
    Handover handover(interface, options);
    TRY(handover.open());
    TRY(handover.load());
    void* const queues = mmap(nullptr, kQueueBytes, PROT_READ | PROT_WRITE, MAP_SHARED,
                              bpf_map__fd(handover.object_->maps.vfm_queues), 0);
    if (queues == MAP_FAILED) return refused(interface.name, "map the queues' counters", errno);
    handover.queues_ = static_cast<vfm_queue*>(queues);
    return handover;
}

Result<Handover> Handover::twin() const {
    Handover twin(interface_, options_);
    TRY(twin.open());
    const auto& ours = object_->maps;
    auto& theirs = twin.object_->maps;
    for (const auto& [map, other] : {std::pair(theirs.vfm_sockets, ours.vfm_sockets),
                                     std::pair(theirs.vfm_queues, ours.vfm_queues),
                                     std::pair(theirs.vfm_stats, ours.vfm_stats)})
        if (const int error = bpf_map__reuse_fd(map, bpf_map__fd(other)); error != 0)
            return refused(interface_.name, "share the maps of a program", error);
    TRY(twin.load());
    return twin;
}

Result<> Handover::open() {
    object_.reset(handover_bpf__open());
    if (!object_) return refused(interface_.name, "read the program that hands frames over", errno);
    handover_bpf& object = *object_;
    object.rodata->on_error = options_.drop_on_error ? kDrop : kPass;
    object.rodata->chunk = live::Socket::kChunk;
    object.rodata->many_cpus = options_.generic;
    object.rodata->multi_buffer = options_.multi_buffer;
    object.rodata->withholds = options_.enforce >= 0;
    if (options_.enforce < 0) {
        bpf_map__set_autocreate(object.maps.vfm_enforce, false);
    } else if (const int error = bpf_map__reuse_fd(object.maps.vfm_enforce, options_.enforce);
               error != 0) {
        return refused(interface_.name, "share what is enforced with a program", error);
    }
    bpf_program* const wanted =
        options_.ask_for_tags ? object.progs.vfm_handover_tag : object.progs.vfm_handover;
    for (bpf_program* program : {object.progs.vfm_handover, object.progs.vfm_handover_tag})
        bpf_program__set_autoload(program, program == wanted);
    bpf_program__set_flags(wanted, (options_.multi_buffer ? kHasFrags : 0) |
                                       (options_.ask_for_tags ? kDeviceBound : 0));
    if (options_.ask_for_tags) bpf_program__set_ifindex(wanted, interface_.index);
    return {};
}

Result<> Handover::load() {
    if (const int error = handover_bpf__load(object_.get()); error != 0)
        return refused(interface_.name, "load the program that hands frames to user space", error);
    return {};
}

int Handover::program() const {
    return bpf_program__fd(options_.ask_for_tags ? object_->progs.vfm_handover_tag
                                                 : object_->progs.vfm_handover);
}

Result<> Handover::set_socket(uint32_t queue, int socket) const {
    if (bpf_map_update_elem(bpf_map__fd(object_->maps.vfm_sockets), &queue, &socket, BPF_ANY) == 0)
        return {};
    return refused(interface_.name, fmt::format("give queue {} its socket", queue), errno);
}

std::vector<Handover::PinnedMap> Handover::pinned_maps() const {
    return {{"vfm_queues", bpf_map__fd(object_->maps.vfm_queues)},
            {"vfm_stats", bpf_map__fd(object_->maps.vfm_stats)}};
}

}  // namespace vfm
