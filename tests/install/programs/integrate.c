#include <stdio.h>
#include <stdlib.h>
#include <vfm.h>

/* Stand for a network card: one TCP packet and one UDP packet, then no more. */
static uint16_t receive_packet(uint8_t packet[1500]) {
    static unsigned received = 0;
    for (unsigned i = 0; i < 60; ++i) packet[i] = 0;
    packet[12] = 0x08;
    packet[14] = 0x45;
    packet[23] = received == 0 ? 6 : 17;
    return received++ < 2 ? 60 : 0;
}

static void forward_packet(const uint8_t* packet, uint16_t length) {
    printf("forward protocol %d, %d bytes\n", packet[23], length);
}

int main(void) {
    uint8_t* bytecode;
    uint32_t bytecode_len;
    char error_msg[256];
    if (vfl_compile_string("(= proto 6)", &bytecode, &bytecode_len, error_msg, sizeof(error_msg)) <
        0) {
        fprintf(stderr, "Compilation failed: %s\n", error_msg);
        return 1;
    }

    vfm_state_t* vm = vfm_create();
    int code = vm ? vfm_load_program(vm, bytecode, bytecode_len) : VFM_ERROR_NO_MEMORY;
    free(bytecode); /* the VM has a copy */
    if (code != VFM_SUCCESS) {
        fprintf(stderr, "Failed to load program: %s\n", vfm_error_string(code));
        vfm_destroy(vm);
        return 1;
    }

    uint8_t packet[1500];
    uint16_t packet_len;
    while ((packet_len = receive_packet(packet)) > 0) {
        int result = vfm_execute(vm, packet, packet_len);
        if (result < 0)
            fprintf(stderr, "drop: %s\n", vfm_error_string(result));
        else if (result > 0)
            forward_packet(packet, packet_len);
    }

    vfm_destroy(vm);
    return 0;
}
