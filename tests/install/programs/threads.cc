// One VM a thread, one program for all of them. C++, because C programs rarely link threads alike.
#include <vfm.h>

#include <cstdio>
#include <thread>
#include <vector>

int main() {
    const uint8_t bytecode[] = {128, 22};  // LEN, RET
    vfm_program_t* program = nullptr;
    if (vfm_program_create(&program, bytecode, sizeof bytecode) != VFM_SUCCESS) return 1;

    std::vector<uint64_t> sums(4);
    std::vector<std::thread> threads;
    for (uint64_t& sum : sums)
        threads.emplace_back([&sum, program] {
            vfm_state_t* vm = vfm_create();
            if (!vm) return;
            if (vfm_use_program(vm, program) == VFM_SUCCESS) {
                const uint8_t packet[100] = {};
                for (uint16_t length = 0; length <= 100; ++length)
                    sum += static_cast<uint64_t>(vfm_execute(vm, packet, length));
            }
            vfm_destroy(vm);
        });
    for (std::thread& thread : threads) thread.join();
    vfm_program_destroy(program);
    for (const uint64_t sum : sums) std::printf("%llu\n", static_cast<unsigned long long>(sum));
}
