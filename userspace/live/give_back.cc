#include "userspace/live/give_back.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <linux/bpf.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "core/ebpf/constructors.h"
#include "userspace/live/offload_header.h"

namespace vfm {

static_assert(GiveBack::kHeadroom == sizeof(VirtioHeader));

namespace {

constexpr uint32_t kIngress = TC_H_MAKE(TC_H_CLSACT, 0);

std::unexpected<Failure> refuse(std::string where, std::string message, std::string hint = {}) {
    return fail(Diagnostic::about(std::move(where), std::move(message), std::move(hint)),
                Status::refused);
}

/// What of a link matters here.
struct Link {
    unsigned type = 0;
    std::string name;
    Bytes mac;
    unsigned mtu = 0;
};

std::expected<Link, NetlinkError> read_link(NetlinkSocket& socket, int index) {
    ifinfomsg about{};
    about.ifi_index = index;
    NetlinkRequest request(RTM_GETLINK, 0, about);
    const auto answer = socket.ask(request);
    if (!answer) return std::unexpected(answer.error());
    if (answer->size() < sizeof about) return std::unexpected(NetlinkError{EPROTO, "short answer"});
    std::memcpy(&about, answer->data(), sizeof about);
    const ByteView attributes = ByteView(*answer).subspan(sizeof about);
    const ByteView name = find_attribute(attributes, IFLA_IFNAME);
    const ByteView mac = find_attribute(attributes, IFLA_ADDRESS);
    const ByteView mtu = find_attribute(attributes, IFLA_MTU);
    Link link;
    link.type = about.ifi_type;
    if (!name.empty()) link.name.assign(name.begin(), name.end() - 1);
    link.mac.assign(mac.begin(), mac.end());
    if (mtu.size() == 4) link.mtu = load_le<uint32_t>(mtu.data());
    return link;
}

bool is_unicast(const Bytes& mac) {
    return mac.size() == ETH_ALEN && (mac[0] & 1) == 0 &&
           std::any_of(mac.begin(), mac.end(), [](uint8_t byte) { return byte != 0; });
}

void add(std::atomic<uint64_t>& counter) {
    // One thread writes a queue's counters.
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

/// A device of several queues hashes each frame and notes its flow, so that answers go out by the
/// same queue. Nothing goes out here: a program that chooses the queue turns that off. Where it
/// cannot be loaded a frame takes a little longer, no more.
void forget_flows(int queue) {
    const bpf_insn queue_0[] = {ebpf::mov_imm(BPF_REG_0, 0), ebpf::exit_insn()};
    const int program = bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, nullptr, "GPL", queue_0,
                                      std::size(queue_0), nullptr);
    if (program < 0) return;
    (void)ioctl(queue, TUNSETSTEERINGEBPF, &program);
    close(program);
}

/// One piece takes less time; and glibc's write() is a cancellation point, which costs something in
/// a thread.
ssize_t write_whole(int fd, std::span<const iovec> chunks) {
    if (chunks.size() == 1) return syscall(SYS_write, fd, chunks[0].iov_base, chunks[0].iov_len);
    return writev(fd, chunks.data(), static_cast<int>(chunks.size()));
}

}  // namespace

Result<std::unique_ptr<GiveBack>> GiveBack::open(int target, unsigned queues) {
    auto socket = NetlinkSocket::open();
    if (!socket) return refuse("give-back", "no rtnetlink socket: " + socket.error().text);
    const auto link = read_link(*socket, target);
    if (!link)
        return refuse("give-back", fmt::format("interface {}: {}", target, link.error().text));
    if (link->type != ARPHRD_ETHER || !is_unicast(link->mac))
        return refuse(link->name,
                      "frames can be given back to an Ethernet interface with a MAC "
                      "address of its own only");
    std::unique_ptr<GiveBack> made(new GiveBack(target, queues, std::move(*socket)));
    made->target_name_ = link->name;
    made->mac_ = link->mac;
    made->mtu_ = link->mtu;
    TRY(made->make());
    return made;
}

std::string GiveBack::missing() {
    constexpr int kLoopback = 1;
    auto socket = NetlinkSocket::open();
    if (!socket) return "no rtnetlink socket: " + socket.error().text;
    GiveBack probe(kLoopback, 1, std::move(*socket));
    probe.target_name_ = "lo";
    probe.mac_ = {2, 0, 0, 0, 0, 1};
    const auto made = probe.make();
    if (made) return {};
    const Diagnostic& why = made.error().diagnostics[0];
    return fmt::format("{}: {}{}{}", why.where, why.message, why.hint.empty() ? "" : "; ",
                       why.hint);
}

Result<> GiveBack::make() {
    TRY(open_queues());
    // A kernel without IPv6 knows no such settings.
    if (!dress(true)) TRY(dress(false));
    TRY(redirect());
    return raise();
}

GiveBack::~GiveBack() {
    for (const Queue& queue : queues_)
        if (queue.fd >= 0) close(queue.fd);
}

Result<> GiveBack::open_queues() {
    ifreq about{};
    std::strcpy(about.ifr_name, "vfm%d");
    about.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE);
    for (Queue& queue : queues_) {
        queue.fd = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
        if (queue.fd < 0)
            return refuse("/dev/net/tun", std::strerror(errno),
                          "the helper that gives frames back is a TAP device: the kernel's `tun`");
        if (ioctl(queue.fd, TUNSETIFF, &about) != 0)
            return refuse("/dev/net/tun",
                          fmt::format("no TAP device with {} queues: {}", queues_.size(),
                                      std::strerror(errno)),
                          errno == EPERM ? "it needs CAP_NET_ADMIN" : "");
    }
    name_ = about.ifr_name;
    // Without a carrier nothing of the host sends on the helper or gives it an address.
    const int carrier = 0;
    if (ioctl(queues_[0].fd, TUNSETCARRIER, &carrier) != 0)
        return refuse(name_, fmt::format("the carrier stays on: {}", std::strerror(errno)));
    if (queues_.size() > 1) forget_flows(queues_[0].fd);
    ifreq index{};
    std::memcpy(index.ifr_name, about.ifr_name, sizeof index.ifr_name);
    const int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const bool found = control >= 0 && ioctl(control, SIOCGIFINDEX, &index) == 0;
    if (control >= 0) close(control);
    if (!found) return refuse(name_, "has no index");
    index_ = index.ifr_ifindex;
    return {};
}

/// The frame's destination is compared with the helper's MAC, so that is the target's.
Result<> GiveBack::dress(bool with_ipv6) {
    ifinfomsg about{};
    about.ifi_index = index_;
    about.ifi_flags = about.ifi_change = IFF_NOARP;
    NetlinkRequest request(RTM_NEWLINK, NLM_F_ACK, about);
    request.put(IFLA_ADDRESS, mac_.data(), mac_.size());
    request.put(IFLA_IFALIAS, "vfm " + target_name_);
    if (with_ipv6) {
        const size_t families = request.open(IFLA_AF_SPEC), ipv6 = request.open(AF_INET6);
        request.put(IFLA_INET6_ADDR_GEN_MODE, uint8_t{IN6_ADDR_GEN_MODE_NONE});
        request.close(ipv6);
        request.close(families);
    }
    if (const auto done = socket_.ask(request); !done) return refuse(name_, done.error().text);
    return {};
}

Result<> GiveBack::redirect() {
    tcmsg about{};
    about.tcm_family = AF_UNSPEC;
    about.tcm_ifindex = index_;
    about.tcm_parent = TC_H_INGRESS;
    about.tcm_handle = kIngress;
    NetlinkRequest hook(RTM_NEWQDISC, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, about);
    hook.put(TCA_KIND, std::string_view("ingress"));
    if (const auto done = socket_.ask(hook); !done)
        return refuse(name_, "no tc ingress: " + done.error().text,
                      "the kernel needs CONFIG_NET_SCH_INGRESS (module sch_ingress)");

    about.tcm_parent = kIngress;
    about.tcm_handle = 0;
    about.tcm_info = TC_H_MAKE(1u << 16, static_cast<uint32_t>(__builtin_bswap16(ETH_P_ALL)));
    NetlinkRequest filter(RTM_NEWTFILTER, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, about);
    filter.put(TCA_KIND, std::string_view("u32"));
    const size_t options = filter.open(TCA_OPTIONS);
    // No keys match all; tc's own `match u32 0 0` would miss frames of less than four bytes behind
    // the Ethernet header.
    tc_u32_sel all{};
    all.flags = TC_U32_TERMINAL;
    filter.put(TCA_U32_SEL, &all, sizeof all);
    const size_t actions = filter.open(TCA_U32_ACT), action = filter.open(1);
    filter.put(TCA_ACT_KIND, std::string_view("mirred"));
    const size_t parameters = filter.open(TCA_ACT_OPTIONS);
    tc_mirred mirred{};
    // Stolen, so that a frame whose target is gone is dropped and does not go up the helper.
    mirred.action = TC_ACT_STOLEN;
    mirred.eaction = TCA_INGRESS_REDIR;
    mirred.ifindex = static_cast<uint32_t>(target_);
    filter.put(TCA_MIRRED_PARMS, &mirred, sizeof mirred);
    filter.close(parameters);
    filter.close(action);
    filter.close(actions);
    filter.close(options);
    if (const auto done = socket_.ask(filter); !done)
        return refuse(name_, "no redirect to " + target_name_ + ": " + done.error().text,
                      "the kernel needs CONFIG_NET_CLS_U32 and CONFIG_NET_ACT_MIRRED (modules "
                      "cls_u32, act_mirred)");
    return {};
}

Result<> GiveBack::raise() {
    ifinfomsg about{};
    about.ifi_index = index_;
    about.ifi_flags = about.ifi_change = IFF_UP;
    NetlinkRequest request(RTM_NEWLINK, NLM_F_ACK, about);
    if (const auto done = socket_.ask(request); !done)
        return refuse(name_, "does not come up: " + done.error().text);
    return {};
}

bool GiveBack::Queue::count(int error) {
    switch (error) {
        case 0:
            add(given);
            return true;
        case EAGAIN:
        case ENOBUFS:
        case ENOMEM:
            add(no_memory);
            return false;
        case EIO:
            add(down);
            return false;
        case EINVAL:
        case EMSGSIZE:
            add(refused);
            return false;
        default:
            add(other);
            return false;
    }
}

void GiveBack::prepare(std::span<iovec> chunks) const {
    if (chunks.empty()) return;
    iovec& first = chunks[0];
    size_t length = 0;
    for (const iovec& chunk : chunks) length += chunk.iov_len;
    const ByteView head(static_cast<const uint8_t*>(first.iov_base), first.iov_len);
    const Offload offload = find_offload(head, length, mtu_.load(std::memory_order_relaxed));
    complete_sctp(chunks, offload);
    first = {static_cast<uint8_t*>(first.iov_base) - kHeadroom, first.iov_len + kHeadroom};
    std::memcpy(first.iov_base, &offload.header, kHeadroom);
}

bool GiveBack::give(unsigned queue, std::span<const iovec> chunks) {
    Queue& way = queues_[queue];
    if (chunks.empty() || chunks.size() > kMaxChunks) return way.count(EMSGSIZE);
    ssize_t written;
    while ((written = write_whole(way.fd, chunks)) < 0 && errno == EINTR) continue;
    return way.count(written < 0 ? errno : 0);
}

GiveCounts GiveBack::counts(unsigned queue) const {
    const Queue& way = queues_[queue];
    const auto read = [](const auto& counter) { return counter.load(std::memory_order_relaxed); };
    return {.given = read(way.given),
            .no_memory = read(way.no_memory),
            .down = read(way.down),
            .refused = read(way.refused),
            .other = read(way.other)};
}

Result<> GiveBack::update() {
    const auto link = read_link(socket_, target_);
    if (!link) return refuse(target_name_, link.error().text);
    mtu_ = link->mtu;
    if (link->mac == mac_ && link->name == target_name_) return {};
    ifinfomsg about{};
    about.ifi_index = index_;
    NetlinkRequest request(RTM_NEWLINK, NLM_F_ACK, about);
    if (link->mac != mac_ && is_unicast(link->mac))
        request.put(IFLA_ADDRESS, link->mac.data(), link->mac.size());
    request.put(IFLA_IFALIAS, "vfm " + link->name);
    if (const auto done = socket_.ask(request); !done) return refuse(name_, done.error().text);
    mac_ = link->mac;
    target_name_ = link->name;
    return {};
}

}  // namespace vfm
