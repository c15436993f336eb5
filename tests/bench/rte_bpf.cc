// DPDK's rte_bpf: libpcap's program through rte_bpf_convert, so that its eBPF does the same checked
// loads (LD_ABS on an mbuf) and gives the same verdicts; interpreted, and as its JIT's code.
#include "tests/bench/contenders.h"

#ifdef BENCH_RTE_BPF

#include <rte_bpf.h>
#include <rte_eal.h>
#include <rte_malloc.h>
#include <rte_version.h>
#include <sched.h>

#include <stdexcept>

#include "tests/bench/libpcap.h"
#include "tests/bench/names.h"

namespace vfm::bench {
namespace {

/// rte_bpf_convert allocates from DPDK's heap, which needs the environment: ordinary pages, nothing
/// shared, no devices, and this thread back on the CPUs where it was.
bool start_environment() {
    cpu_set_t before;
    sched_getaffinity(0, sizeof before, &before);
    std::string words[] = {"bench",
                           "--no-huge",
                           "-m",
                           "256",
                           "--no-shconf",
                           "--no-pci",
                           "--no-telemetry",
                           "--log-level=3",
                           "--lcores",
                           "0@" + std::to_string(sched_getcpu())};
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    const bool started = rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) >= 0;
    sched_setaffinity(0, sizeof before, &before);
    return started;
}

class Loaded {
  public:
    explicit Loaded(const BenchFilter& filter) {
        const PcapProgram classic(filter.pcap);
        rte_bpf_prm* converted = rte_bpf_convert(classic.get());
        if (!converted) throw std::runtime_error(filter.name + ": rte_bpf_convert fails");
        bpf_ = rte_bpf_load(converted);
        rte_free(converted);
        if (!bpf_) throw std::runtime_error(filter.name + ": rte_bpf_load fails");
    }
    Loaded(const Loaded&) = delete;
    Loaded& operator=(const Loaded&) = delete;
    ~Loaded() { rte_bpf_destroy(bpf_); }
    const rte_bpf* get() const { return bpf_; }

  private:
    rte_bpf* bpf_;
};

/// A packet as DPDK has it: one buffer of one segment, which is set to each packet in turn.
class Mbuf {
  public:
    void* set(const Packet& packet) {
        mbuf_.buf_addr = const_cast<uint8_t*>(packet.bytes.data());
        mbuf_.data_len = static_cast<uint16_t>(packet.bytes.size());
        mbuf_.pkt_len = static_cast<uint32_t>(packet.bytes.size());
        return &mbuf_;
    }

  private:
    rte_mbuf mbuf_ = [] {
        rte_mbuf made{};
        made.nb_segs = 1;
        return made;
    }();
};

class Interpreted final : public Prepared {
  public:
    explicit Interpreted(const BenchFilter& filter) : program_(filter) {}
    void walk(std::span<const Packet> packets, uint8_t* verdicts) override {
        const rte_bpf* bpf = program_.get();
        walk_each(packets, verdicts,
                  [&](const Packet& p) { return rte_bpf_exec(bpf, mbuf_.set(p)) != 0; });
    }

  private:
    Loaded program_;
    Mbuf mbuf_;
};

class Native final : public Prepared {
  public:
    explicit Native(const BenchFilter& filter) : program_(filter) {
        if (rte_bpf_get_jit(program_.get(), &code_) != 0 || !code_.func)
            throw std::runtime_error(filter.name + ": rte_bpf has no native code");
    }
    void walk(std::span<const Packet> packets, uint8_t* verdicts) override {
        const auto function = code_.func;
        walk_each(packets, verdicts, [&](const Packet& p) { return function(mbuf_.set(p)) != 0; });
    }

  private:
    Loaded program_;
    rte_bpf_jit code_{};
    Mbuf mbuf_;
};

template <class Kind>
std::unique_ptr<Prepared> prepare(const BenchFilter& filter) {
    if (filter.pcap.empty()) return nullptr;
    return std::make_unique<Kind>(filter);
}

}  // namespace

void add_rte_bpf(Field& field) {
    static const bool started = start_environment();
    if (!started) {
        add_missing(field, {"rte_bpf-interp", "rte_bpf-jit"},
                    "DPDK's environment does not start here");
        return;
    }
    const std::string version = std::string(", ") + rte_version();
    field.contenders.push_back({.name = "rte_bpf-interp",
                                .what = what_is(engine_names(), "rte_bpf-interp") + version,
                                .prepare = prepare<Interpreted>});
    field.contenders.push_back({.name = "rte_bpf-jit",
                                .what = what_is(engine_names(), "rte_bpf-jit") + version,
                                .prepare = prepare<Native>,
                                .compile = [](const BenchFilter& f) -> std::function<void()> {
                                    if (f.pcap.empty()) return {};
                                    return [classic = std::make_shared<PcapProgram>(f.pcap)] {
                                        rte_bpf_prm* converted = rte_bpf_convert(classic->get());
                                        rte_bpf_destroy(rte_bpf_load(converted));
                                        rte_free(converted);
                                    };
                                },
                                .compiles = "classic BPF to native code, verifier included"});
}

}  // namespace vfm::bench

#else

namespace vfm::bench {

void add_rte_bpf(Field& field) {
    add_missing(field, {"rte_bpf-interp", "rte_bpf-jit"},
                "DPDK's library or headers were not there when the bench was built "
                "(scripts/setup.sh --bench)");
}

}  // namespace vfm::bench

#endif
