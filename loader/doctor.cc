#include "loader/doctor.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <memory>

#include "core/base/fd.h"
#include "core/ebpf/constructors.h"
#include "loader/bpffs.h"
#include "loader/driver_modes.h"
#include "loader/hook.h"
#include "loader/interface.h"
#include "loader/kernel.h"
#include "loader/load.h"
#include "loader/test_run.h"
#include "loader/vlan_tags.h"

namespace vfm {
namespace {

constexpr std::string_view kMorePrivileges = "run as root, or with the missing capability";

Finding good(std::string name, std::string detail) {
    return {std::move(name), Health::ok, std::move(detail), {}};
}
Finding bad(std::string name, std::string detail, std::string remedy) {
    return {std::move(name), Health::missing, std::move(detail), std::move(remedy)};
}
Finding unknown(std::string name, std::string detail) {
    return {std::move(name), Health::unknown, std::move(detail), std::string(kMorePrivileges)};
}

std::string first_line(const std::string& path) {
    std::string line;
    std::ifstream file(path);
    std::getline(file, line);
    return line;
}

Finding kernel() {
    utsname name{};
    if (uname(&name) != 0) return unknown("kernel", error_text(errno));
    return good("kernel", fmt::format("{} {} on {}", name.sysname, name.release, name.machine));
}

Finding btf() {
    if (access("/sys/kernel/btf/vmlinux", F_OK) == 0) return good("btf", "the kernel has BTF");
    return bad("btf", "no /sys/kernel/btf/vmlinux",
               "a kernel built with CONFIG_DEBUG_INFO_BTF; filters load without it");
}

struct CapabilityUse {
    Capability capability;
    std::string_view name;
    std::string_view use;
};
constexpr CapabilityUse kCapabilities[] = {
    {Capability::bpf, "cap_bpf", "every verb but doctor"},
    {Capability::net_admin, "cap_net_admin", "attach, detach and check"},
    {Capability::perfmon, "cap_perfmon",
     "filters that read packets: the verifier forbids most of them without"},
    {Capability::net_raw, "cap_net_raw", "filters in user space: AF_XDP sockets"},
    {Capability::sys_admin, "cap_sys_admin", "mounting a bpffs, naming programs of others"},
};

void capabilities(std::vector<Finding>& findings) {
    for (const CapabilityUse& row : kCapabilities) {
        const std::string detail =
            fmt::format("{}, for {}", capability_name(row.capability), row.use);
        findings.push_back(
            has_capability(row.capability)
                ? good(std::string(row.name), detail)
                : bad(std::string(row.name), "no " + detail, std::string(kMorePrivileges)));
    }
}

Finding bpffs_finding(const std::optional<std::string>& given) {
    const auto found = find_bpffs(given);
    if (!found)
        return bad("bpffs", found.error().diagnostics.front().message,
                   found.error().diagnostics.front().hint);
    if (*found) return good("bpffs", **found);
    if (has_capability(Capability::sys_admin))
        return good("bpffs", fmt::format("none at {}; attach will mount one", kDefaultBpffs));
    return bad("bpffs", fmt::format("none at {}", kDefaultBpffs),
               fmt::format("as root: mount -t bpf bpf {}", kDefaultBpffs));
}

/// A program that ends with `verdict`: its descriptor, or the negative errno.
int load_pass(bpf_prog_type type, int verdict) {
    const bpf_insn pass[] = {ebpf::mov_imm(BPF_REG_0, verdict), ebpf::exit_insn()};
    const int fd = bpf_prog_load(type, "vfm_probe", "GPL", pass, std::size(pass), nullptr);
    return fd < 0 ? -errno : fd;
}

Finding jit() {
    // Outside the first network namespace the switch cannot be seen; a loaded program tells too.
    std::string value = first_line("/proc/sys/net/core/bpf_jit_enable");
    if (value.empty()) {
        const Fd program(load_pass(BPF_PROG_TYPE_XDP, XDP_PASS));
        bpf_prog_info info{};
        if (program.get() < 0 || !program_facts(program.get(), info))
            return unknown("jit", "net.core.bpf_jit_enable cannot be read");
        value = info.jited_prog_len > 0 ? "1" : "0";
    }
    if (value == "0")
        return bad("jit", "filters are interpreted", "sysctl net.core.bpf_jit_enable=1");
    return good("jit", "filters become machine code");
}

Finding memlock() {
    rlimit limit{};
    getrlimit(RLIMIT_MEMLOCK, &limit);
    if (limit.rlim_cur == RLIM_INFINITY) return good("memlock", "no limit on locked memory");
    return good("memlock", fmt::format("{} KiB of locked memory; Linux 5.11 and newer count BPF "
                                       "maps elsewhere, older ones need `ulimit -l unlimited`",
                                       limit.rlim_cur >> 10));
}

/// libbpf's probes: 1 there, 0 not there, negative errno.
Finding probed(std::string name, int answer, const std::string& what, std::string remedy) {
    if (answer == 1) return good(std::move(name), what);
    // Without privileges the probes say no to everything.
    const bool allowed = has_capability(Capability::bpf) && has_capability(Capability::net_admin);
    if (!allowed) return unknown(std::move(name), what + ": cannot be tried");
    if (answer == 0) return bad(std::move(name), "no " + what, std::move(remedy));
    return unknown(std::move(name), fmt::format("{}: {}", what, error_text(answer)));
}

void types(std::vector<Finding>& findings) {
    struct Row {
        std::string_view name;
        int type;
        std::string_view what;
    };
    constexpr Row kPrograms[] = {{"program_xdp", BPF_PROG_TYPE_XDP, "XDP programs"},
                                 {"program_tc", BPF_PROG_TYPE_SCHED_CLS, "tc programs"}};
    constexpr Row kMaps[] = {{"map_lru_hash", BPF_MAP_TYPE_LRU_HASH, "LRU hash maps"},
                             {"map_hash", BPF_MAP_TYPE_HASH, "hash maps"},
                             {"map_array", BPF_MAP_TYPE_ARRAY, "arrays"},
                             {"map_percpu_array", BPF_MAP_TYPE_PERCPU_ARRAY, "per-CPU arrays"}};
    for (const Row& row : kPrograms)
        findings.push_back(probed(
            std::string(row.name),
            libbpf_probe_bpf_prog_type(static_cast<bpf_prog_type>(row.type), nullptr),
            std::string(row.what), "a kernel with CONFIG_BPF_SYSCALL and CONFIG_NET_CLS_BPF"));
    for (const Row& row : kMaps)
        findings.push_back(
            probed(std::string(row.name),
                   libbpf_probe_bpf_map_type(static_cast<bpf_map_type>(row.type), nullptr),
                   std::string(row.what), "Linux 4.10 or newer"));
    findings.push_back(
        probed("xdp_fragments",
               libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_xdp_load_bytes, nullptr),
               "XDP on packets of several buffers", "Linux 5.18 or newer"));
}

/// What attaching gave in a network namespace of its own: 0 or an errno.
struct AttachProbe {
    int namespace_error = EIO;
    int xdp_skb = EIO;
    int tc_ingress = EIO;
    int tc_egress = EIO;
};

int try_link(int program, uint32_t attach_type, uint32_t flags) {
    if (program < 0) return -program;
    auto options = libbpf_options<bpf_link_create_opts>();
    options.flags = flags;
    const int loopback = static_cast<int>(if_nametoindex("lo"));
    const Fd link(
        bpf_link_create(program, loopback, static_cast<bpf_attach_type>(attach_type), &options));
    return link ? 0 : errno;
}

AttachProbe probe_here() {
    AttachProbe probe;
    probe.namespace_error = unshare(CLONE_NEWNET) == 0 ? 0 : errno;
    if (probe.namespace_error != 0) return probe;
    const int xdp = load_pass(BPF_PROG_TYPE_XDP, XDP_PASS);
    const int tc = load_pass(BPF_PROG_TYPE_SCHED_CLS, 0);
    probe.xdp_skb = try_link(xdp, BPF_XDP, XDP_FLAGS_SKB_MODE);
    probe.tc_ingress = try_link(tc, hook_info(HookPoint::tc_ingress).attach_type, 0);
    probe.tc_egress = try_link(tc, hook_info(HookPoint::tc_egress).attach_type, 0);
    return probe;
}

/// In a child, whose namespace ends with it.
AttachProbe probe_attaching() {
    int ends[2];
    AttachProbe probe;
    if (pipe2(ends, O_CLOEXEC) != 0) return probe;
    const Fd reader(ends[0]);
    Fd writer(ends[1]);
    const pid_t child = fork();
    if (child == 0) {
        const AttachProbe seen = probe_here();
        _exit(write(writer.get(), &seen, sizeof seen) == sizeof seen ? 0 : 1);
    }
    writer.reset();
    if (child > 0) {
        AttachProbe seen;
        if (read(reader.get(), &seen, sizeof seen) == sizeof seen) probe = seen;
        while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
    return probe;
}

void attaching(std::vector<Finding>& findings) {
    const AttachProbe probe = probe_attaching();
    const auto add = [&](std::string name, int error, std::string what, std::string remedy) {
        if (probe.namespace_error != 0 || error == EPERM)
            findings.push_back(
                unknown(std::move(name),
                        what + ": cannot be tried: " +
                            error_text(probe.namespace_error ? probe.namespace_error : error)));
        else if (error == 0)
            findings.push_back(good(std::move(name), std::move(what)));
        else
            findings.push_back(
                bad(std::move(name), what + ": " + error_text(error), std::move(remedy)));
    };
    add("xdp_skb", probe.xdp_skb, "XDP links in skb mode, on any Ethernet interface",
        "Linux 5.9 or newer");
    add("tcx_ingress", probe.tc_ingress, "tcx links for --hook=tc-ingress", "Linux 6.6 or newer");
    add("tcx_egress", probe.tc_egress, "tcx links for --hook=tc-egress", "Linux 6.6 or newer");
}

void drivers(std::vector<Finding>& findings) {
    const auto modes = driver_modes();
    if (!modes) {
        findings.push_back({"xdp_native", Health::unknown,
                            "the kernel does not tell which drivers have native XDP",
                            "Linux 6.3 or newer tells; --mode=auto finds out by trying"});
        return;
    }
    for (const DriverModes& driver : *modes) {
        std::string name = "xdp_native:" + driver.interface;
        if (!driver.native) {
            findings.push_back(bad(std::move(name), "its driver has no native XDP",
                                   "attach with --mode=skb or auto, or use another card"));
            continue;
        }
        findings.push_back(good(
            std::move(name),
            fmt::format("native XDP{}{}", driver.fragments ? ", packets of several buffers" : "",
                        driver.zero_copy ? ", AF_XDP without copying" : "")));
    }
}

/// For filters at XDP that look at VLAN tags.
void vlan_tags(std::vector<Finding>& findings) {
    using List = std::unique_ptr<struct if_nameindex, decltype(&if_freenameindex)>;
    const List list(if_nameindex(), if_freenameindex);
    for (const auto* at = list.get(); at && at->if_index; ++at) {
        const auto interface = find_interface(at->if_name);
        if (!interface || interface->name == "lo") continue;
        std::string name = "xdp_vlan_tags:" + interface->name;
        const auto taker = tag_taker(*interface);
        if (!taker)
            findings.push_back(good(std::move(name), "XDP sees VLAN tags"));
        else
            findings.push_back({std::move(name), taker->certain ? Health::missing : Health::unknown,
                                (taker->certain ? "" : "perhaps ") + taker->message,
                                taker->remedy});
    }
}

Finding test_run() {
    const std::string missing = kernel_engine_missing();
    if (missing.empty()) return good("test_run", "the engine `kernel` of vfm-test");
    return bad("test_run", "the engine `kernel` of vfm-test: " + missing,
               std::string(kMorePrivileges));
}

}  // namespace

std::string_view health_name(Health health) {
    switch (health) {
        case Health::ok:
            return "ok";
        case Health::missing:
            return "missing";
        case Health::unknown:
            return "unknown";
    }
    return "";
}

std::vector<Finding> examine(const std::optional<std::string>& bpffs) {
    silence_libbpf();
    std::vector<Finding> findings = {kernel(), btf()};
    capabilities(findings);
    findings.push_back(bpffs_finding(bpffs));
    findings.push_back(jit());
    findings.push_back(memlock());
    types(findings);
    findings.push_back(test_run());
    attaching(findings);
    drivers(findings);
    vlan_tags(findings);
    return findings;
}

}  // namespace vfm
