// libpcap: its compiler with its optimiser, and its interpreter.
#include "tests/bench/libpcap.h"

#include <stdexcept>

#include "tests/bench/contenders.h"
#include "tests/bench/names.h"

namespace vfm::bench {
namespace {

class Interpreted final : public Prepared {
  public:
    explicit Interpreted(const BenchFilter& filter) : program_(filter.pcap) {}
    void walk(std::span<const Packet> packets, uint8_t* verdicts) override {
        const bpf_insn* code = program_.get()->bf_insns;
        walk_each(packets, verdicts, [&](const Packet& p) {
            const auto size = static_cast<u_int>(p.bytes.size());
            return bpf_filter(code, p.bytes.data(), size, size) != 0;
        });
    }

  private:
    PcapProgram program_;
};

}  // namespace

PcapProgram::PcapProgram(const std::string& expression) {
    constexpr int kSnapLength = 65'535;
    static pcap_t* const ethernet = pcap_open_dead(DLT_EN10MB, kSnapLength);
    if (pcap_compile(ethernet, &program_, expression.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0)
        throw std::runtime_error(std::string("libpcap: ") + pcap_geterr(ethernet));
}

PcapProgram::~PcapProgram() { pcap_freecode(&program_); }

void add_libpcap(Field& field) {
    field.contenders.push_back(
        {.name = "libpcap",
         .what = what_is(engine_names(), "libpcap") + ", " + pcap_lib_version(),
         .prepare = [](const BenchFilter& f) -> std::unique_ptr<Prepared> {
             if (f.pcap.empty()) return nullptr;
             return std::make_unique<Interpreted>(f);
         },
         .compile = [](const BenchFilter& f) -> std::function<void()> {
             if (f.pcap.empty()) return {};
             return [&f] { PcapProgram program(f.pcap); };
         },
         .compiles = "expression to classic BPF"});
}

}  // namespace vfm::bench
