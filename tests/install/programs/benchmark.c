#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <time.h>
#include <vfm.h>

static double benchmark_filter(vfm_state_t* vm, uint8_t* packets[], const uint16_t lengths[],
                               int count, int* accepted) {
    struct timespec start, end;

    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int i = 0; i < count; i++) *accepted += vfm_execute(vm, packets[i], lengths[i]) > 0;
    clock_gettime(CLOCK_MONOTONIC, &end);

    return (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
}

int main(int argc, char** argv) {
    enum { count = 100000 };
    static uint8_t tcp[60], udp[60];
    tcp[23] = 6;
    udp[23] = 17;
    static uint8_t* packets[count];
    static uint16_t lengths[count];
    for (int i = 0; i < count; i++) {
        packets[i] = i % 4 == 0 ? tcp : udp;
        lengths[i] = 60;
    }

    vfm_state_t* vm = vfm_create();
    if (!vm) return 1;
    if (vfm_enable_jit(vm) != VFM_SUCCESS)
        fprintf(stderr, "no native code on this machine, the program is interpreted\n");
    if (vfm_load_program_file(vm, argc > 1 ? argv[1] : "filter.bin") != VFM_SUCCESS) {
        fprintf(stderr, "%s\n", vfm_error_message(vm));
        vfm_destroy(vm);
        return 1;
    }

    int accepted = 0;
    double elapsed = benchmark_filter(vm, packets, lengths, count, &accepted);
    printf("Accepted %d of %d packets\n", accepted, count);
    if (elapsed > 0)
        fprintf(stderr, "Processed in %.3f seconds (%.1f Mpps)\n", elapsed,
                (double)count / elapsed / 1e6);
    vfm_destroy(vm);
    return 0;
}
