#include "loader/link.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/core.h>
#include <linux/if_link.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "loader/kernel.h"
#include "loader/load.h"

namespace vfm {
namespace {

/// A link's descriptor, or the negative errno.
int create(int program, const Interface& interface, uint32_t attach_type, uint32_t flags) {
    auto options = libbpf_options<bpf_link_create_opts>();
    options.flags = flags;
    const int fd = bpf_link_create(program, static_cast<int>(interface.index),
                                   static_cast<bpf_attach_type>(attach_type), &options);
    return fd < 0 ? -errno : fd;
}

/// EBUSY: a link holds it. EEXIST: a netlink attachment, or one in the other mode.
bool is_taken(int error) { return error == -EBUSY || error == -EEXIST; }

std::unexpected<Failure> taken(const Interface& interface) {
    std::string who = "another program";
    if (const auto programs = xdp_programs(interface); programs && !programs->empty())
        who = program_text(programs->front());
    return refuse(
        interface.name, fmt::format("{} already holds XDP here and is left alone", who),
        "an interface has room for one XDP program; `bpftool net` shows what is attached");
}

std::string native_hint(int error, std::string_view generic_option) {
    std::string hint = fmt::format("try {}", generic_option);
    if (error == -EOPNOTSUPP) return "the driver has no native XDP; " + hint;
    if (error == -EINVAL || error == -ERANGE)
        return "the driver refuses its present settings (MTU, receive offloads); " + hint;
    return hint;
}

Result<NewLink> make_xdp_link(int program, const Interface& interface, Mode mode,
                              std::string_view generic_option) {
    NewLink link;
    if (mode != Mode::skb) {
        const int native = create(program, interface, BPF_XDP, XDP_FLAGS_DRV_MODE);
        if (native >= 0) return NewLink{Fd(native), Mode::native, {}};
        if (is_taken(native)) return taken(interface);
        const std::string why = error_text(native);
        if (mode == Mode::native)
            return refuse(interface.name, fmt::format("no native XDP: {}", why),
                          native_hint(native, generic_option));
        link.notes.push_back(Diagnostic::about(
            interface.name,
            fmt::format("no native XDP ({}): attaching in skb mode, which is slower", why)));
        link.notes.back().severity = Severity::note;
    }
    const int skb = create(program, interface, BPF_XDP, XDP_FLAGS_SKB_MODE);
    if (is_taken(skb)) return taken(interface);
    if (skb < 0)
        return refuse(interface.name, fmt::format("cannot attach XDP: {}", error_text(skb)));
    link.fd = Fd(skb);
    link.mode = Mode::skb;
    return link;
}

Result<NewLink> make_tcx_link(int program, const Interface& interface, const HookInfo& hook) {
    const int fd = create(program, interface, hook.attach_type, 0);
    if (fd >= 0) return NewLink{Fd(fd), Mode::skb, {}};
    if (fd == -EINVAL || fd == -EOPNOTSUPP)
        return refuse(interface.name,
                      fmt::format("cannot attach at {}: this kernel has no tcx links ({})",
                                  hook.name, error_text(fd)),
                      "they need Linux 6.6 or newer; vfm-compile --hook=tc makes an object for "
                      "`tc filter add`");
    if (fd == -ERANGE)
        return refuse(interface.name,
                      fmt::format("{} is full: 64 programs are attached", hook.name));
    return refuse(interface.name,
                  fmt::format("cannot attach at {}: {}", hook.name, error_text(fd)));
}

}  // namespace

Result<NewLink> make_link(int program, const Interface& interface, HookPoint hook, Mode mode,
                          std::string_view generic_option) {
    silence_libbpf();
    if (hook == HookPoint::xdp) return make_xdp_link(program, interface, mode, generic_option);
    return make_tcx_link(program, interface, hook_info(hook));
}

Result<std::vector<uint32_t>> xdp_programs(const Interface& interface) {
    silence_libbpf();
    auto query = libbpf_options<bpf_xdp_query_opts>();
    if (const int error = bpf_xdp_query(static_cast<int>(interface.index), 0, &query); error != 0)
        return refuse(interface.name,
                      fmt::format("cannot ask for its XDP program: {}", error_text(error)));
    std::vector<uint32_t> ids;
    for (const uint32_t id : {query.drv_prog_id, query.skb_prog_id, query.hw_prog_id})
        if (id != 0) ids.push_back(id);
    if (ids.empty() && query.prog_id != 0) ids.push_back(query.prog_id);
    return ids;
}

std::string program_text(uint32_t id) {
    const Fd program(bpf_prog_get_fd_by_id(id));
    bpf_prog_info info{};
    if (!program || !program_facts(program.get(), info) || info.name[0] == 0)
        return fmt::format("program {}", id);
    return fmt::format("program {} ({})", id, printable(info.name));
}

namespace {

/// A pin can be of a map or a program as well, whose facts read as a link's are nonsense.
bool is_link(int fd) {
    char target[64];
    const ssize_t size =
        readlink(fmt::format("/proc/self/fd/{}", fd).c_str(), target, sizeof target);
    // Where /proc is out of sight nothing can be told.
    return size < 0 || std::string_view(target, static_cast<size_t>(size)).find("link") !=
                           std::string_view::npos;
}

}  // namespace

std::optional<LinkState> link_state(int link) {
    if (!is_link(link)) {
        errno = EBADF;
        return std::nullopt;
    }
    bpf_link_info info{};
    uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(link, &info, &size) != 0) return std::nullopt;
    // A tcx link tells its ifindex at the same place as an XDP link: first in the union.
    return LinkState{info.prog_id, info.xdp.ifindex};
}

bool hangs_at(uint32_t ifindex, HookPoint hook, uint32_t program) {
    silence_libbpf();
    if (hook == HookPoint::xdp) {
        const auto ids = xdp_programs({.name = {}, .index = ifindex});
        return ids && std::ranges::find(*ids, program) != ids->end();
    }
    std::array<uint32_t, 64> ids{};  // as many as tcx takes
    auto query = libbpf_options<struct bpf_prog_query_opts>();
    query.prog_ids = ids.data();
    query.prog_cnt = ids.size();
    const auto type = static_cast<bpf_attach_type>(hook_info(hook).attach_type);
    if (bpf_prog_query_opts(static_cast<int>(ifindex), type, &query) != 0) return false;
    return std::ranges::find(ids, program) != ids.end();
}

}  // namespace vfm
