// A filter expression compiled by libpcap to classic BPF.
#pragma once

#include <pcap/pcap.h>

#include <string>

namespace vfm::bench {

class PcapProgram {
  public:
    /// Throws std::runtime_error with libpcap's reason.
    explicit PcapProgram(const std::string& expression);
    PcapProgram(const PcapProgram&) = delete;
    PcapProgram& operator=(const PcapProgram&) = delete;
    ~PcapProgram();
    const bpf_program* get() const { return &program_; }

  private:
    bpf_program program_ = {};
};

}  // namespace vfm::bench
