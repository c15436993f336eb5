#include "userspace/tools/test_loop.h"

#include <utility>

namespace vfm {

RunEnd run_capture(CaptureReader& capture, EngineSet& engines, const RunHooks& hooks) {
    capture.before_wait(hooks.idle);
    for (uint64_t number = 1; !capture.stop_asked(); ++number) {
        const auto captured = capture.next();
        if (!captured) return {.broken = captured.error()};
        if (!*captured) return {};
        if (capture.has_notes()) [[unlikely]]
            hooks.note(capture.take_notes());
        const CapturedPacket& packet = **captured;
        PacketResult result{.number = number,
                            .packet = packet.packet,
                            .record = packet.record,
                            .interfaces = capture.interfaces(),
                            .outcome = Outcome::skip(),
                            .skip = packet.readable ? Skip::none : Skip::link};
        if (packet.readable) {
            auto outcome = engines.run(result.packet);
            if (!outcome) {
                const ByteView bytes = result.packet.visible();
                return {.differing = RunEnd::Differing{
                            std::move(outcome).error(), number, {bytes.begin(), bytes.end()}}};
            }
            judge(result, *outcome, engines.first().ended_at());
        }
        if (!hooks.each(result)) return {};
    }
    return {};
}

}  // namespace vfm
