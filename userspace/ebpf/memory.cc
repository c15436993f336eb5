// Which bytes a pointer may touch.
#include <fmt/core.h>

#include <cstddef>

#include "userspace/ebpf/run.h"

namespace vfm::ebpf {
namespace {

constexpr uint32_t kInterface = 1;  // the index of the interface that every packet came from

/// The EtherType as it stands in the packet, which is what skb->protocol holds.
uint16_t protocol_field(ByteView bytes) {
    return bytes.size() < 14 ? uint16_t{0} : load_le<uint16_t>(bytes.data() + 12);
}

}  // namespace

bool Run::load_context(Value& out, int64_t at, unsigned size) {
    const Value data{0, Kind::packet, 0, generation_};
    const Value data_end{linear_, Kind::packet_end, 0, generation_};
    if (size != sizeof(uint32_t)) return stop("a context field is read with another width");
    if (context_ == Context::xdp) {
        switch (at) {
            case offsetof(xdp_md, data):
                out = data;
                return true;
            case offsetof(xdp_md, data_end):
                out = data_end;
                return true;
            case offsetof(xdp_md, ingress_ifindex):
                out = Value::scalar(kInterface);
                return true;
            case offsetof(xdp_md, rx_queue_index):
                out = Value::scalar(0);
                return true;
            default:
                return stop(fmt::format("xdp_md has no field for programs at {}", at));
        }
    }
    const VlanTag& vlan = input_.vlan;
    switch (at) {
        case offsetof(__sk_buff, len):
            out = Value::scalar(input_.bytes.size());
            return true;
        case offsetof(__sk_buff, protocol):
            out = Value::scalar(protocol_field(input_.bytes));
            return true;
        case offsetof(__sk_buff, vlan_present):
            out = Value::scalar(vlan.present() ? 1 : 0);
            return true;
        case offsetof(__sk_buff, vlan_tci):
            out = Value::scalar(vlan.tci);
            return true;
        case offsetof(__sk_buff, vlan_proto):
            out = Value::scalar(std::byteswap(vlan.protocol));
            return true;
        case offsetof(__sk_buff, mark):
            out = Value::scalar(0);
            return true;
        case offsetof(__sk_buff, ifindex):
        case offsetof(__sk_buff, ingress_ifindex):
            out = Value::scalar(kInterface);
            return true;
        case offsetof(__sk_buff, data):
            out = data;
            return true;
        case offsetof(__sk_buff, data_end):
            out = data_end;
            return true;
        default:
            return stop(fmt::format("__sk_buff has no field for programs at {}", at));
    }
}

int Run::frame_index(const Value& pointer, int64_t offset, unsigned size) {
    const int64_t at = pointer.offset() + offset + Frame::kBytes;
    if (pointer.within > depth_) {
        stop("a pointer into the frame of a call that is over");
        return -1;
    }
    if (at >= 0 && at + size <= Frame::kBytes) return static_cast<int>(at);
    stop(fmt::format("stack access outside the frame, {} bytes at r10{:+}", size,
                     at - Frame::kBytes));
    return -1;
}

bool Run::map_value_fits(const Value& pointer, int64_t offset, unsigned size) {
    const int64_t at = pointer.offset() + offset;
    const uint32_t limit = maps_[pointer.map].value_size();
    return (at >= 0 && at + size <= limit) ||
           stop(fmt::format("{} bytes at {} of a map value of {}", size, at, limit));
}

const uint8_t* Run::readable(const Value& pointer, int64_t offset, unsigned size) {
    switch (pointer.kind) {
        case Kind::frame: {
            const int at = frame_index(pointer, offset, size);
            if (at < 0) return nullptr;
            const auto index = static_cast<unsigned>(at);
            const Frame& frame = frame_of(pointer);
            if (frame.readable(index, size)) return frame.data(index);
            stop(fmt::format("stack bytes at r10-{} are read before they are written",
                             Frame::kBytes - index));
            return nullptr;
        }
        case Kind::packet: {
            const int64_t at = pointer.offset() + offset;
            if (pointer.within != generation_) {
                stop("a packet pointer from before the packet moved");
                return nullptr;
            }
            if (at >= 0 && static_cast<uint64_t>(at) + size <= linear_)
                return input_.bytes.data() + at;
            stop(fmt::format("{} bytes at {} of a packet of {} readable", size, at, linear_));
            return nullptr;
        }
        case Kind::map_value:
            if (!map_value_fits(pointer, offset, size)) return nullptr;
            return maps_[pointer.map].value(pointer.within) + pointer.offset() + offset;
        case Kind::data: {
            const int64_t at = pointer.offset() + offset;
            if (at >= 0 && static_cast<uint64_t>(at) + size <= data_.size())
                return data_.data() + at;
            stop(
                fmt::format("{} bytes at {} of {} bytes of constant data", size, at, data_.size()));
            return nullptr;
        }
        case Kind::uninitialised:
        case Kind::scalar:
        case Kind::context:
        case Kind::packet_end:
        case Kind::map:
        case Kind::function:
            break;
    }
    stop(fmt::format("memory is read through a {}", kind_name(pointer.kind)));
    return nullptr;
}

uint8_t* Run::writable(const Value& pointer, int64_t offset, unsigned size) {
    switch (pointer.kind) {
        case Kind::frame: {
            const int at = frame_index(pointer, offset, size);
            return at < 0 ? nullptr : frame_of(pointer).write(static_cast<unsigned>(at), size);
        }
        case Kind::map_value:
            if (!map_value_fits(pointer, offset, size)) return nullptr;
            return maps_[pointer.map].value(pointer.within) + pointer.offset() + offset;
        case Kind::uninitialised:
        case Kind::scalar:
        case Kind::context:
        case Kind::packet:
        case Kind::packet_end:
        case Kind::map:
        case Kind::data:
        case Kind::function:
            break;
    }
    stop(fmt::format("memory is written through a {}", kind_name(pointer.kind)));
    return nullptr;
}

}  // namespace vfm::ebpf
