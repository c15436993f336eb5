/* VFM, the Velocity Filter Machine, for C and C++ programs: load a filter, run it on packets.
 *
 * Functions that can fail return VFM_SUCCESS or a negative error code; vfm_error_message() says
 * more about the last failure of a VM. A bad argument (a null pointer that must not be null, a name
 * or a number out of its range) is VFM_ERROR_INVALID_PROGRAM unless a function says otherwise, and
 * memory that the system does not give is VFM_ERROR_NO_MEMORY. No function prints, exits or throws.
 *
 * Threads: a VM (vfm_state_t) belongs to one thread at a time, and several threads need several
 * VMs. A program (vfm_program_t) is read-only and may be shared by any number of them: verified and
 * compiled once, used everywhere, without a lock on the way of a packet. So may a live set
 * (vfm_set_t), which any thread may also change. Functions without a VM may be called on any thread
 * at any time.
 */
#ifndef VFM_H
#define VFM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define VFM_API __attribute__((visibility("default")))
#else
#define VFM_API
#endif

/* Error codes */

#define VFM_SUCCESS 0
#define VFM_ERROR_NO_MEMORY (-1)
#define VFM_ERROR_INVALID_PROGRAM (-2)  /* empty, too large, cut off, or none is loaded */
#define VFM_ERROR_INVALID_OPCODE (-3)   /* a byte of the program is no instruction */
#define VFM_ERROR_STACK_OVERFLOW (-4)   /* the program can put more than 256 values on the stack */
#define VFM_ERROR_STACK_UNDERFLOW (-5)  /* the program can take a value from an empty stack */
#define VFM_ERROR_BOUNDS (-6)           /* a load beyond the end of the packet */
#define VFM_ERROR_DIVISION_BY_ZERO (-7) /* a division or remainder by zero */
#define VFM_ERROR_LIMIT (-8)            /* the instruction limit is used up */
#define VFM_ERROR_VERIFICATION_FAILED (-9) /* the program breaks another rule of verification */

/* A short English phrase for an error code, "Unknown error" for any other number. Never null; valid
 * for ever. */
VFM_API const char* vfm_error_string(int error);

/* Version of the library, "0.1.0". */
VFM_API const char* vfm_version(void);

/* VM */

/* One virtual machine: a loaded program with its flow tables, counters and live sets, and the
 * registered host functions. */
typedef struct vfm_state vfm_state_t;

/* A new VM without a program, or null if there is no memory. */
VFM_API vfm_state_t* vfm_create(void);

/* Frees a VM and what is its own. Null is allowed. */
VFM_API void vfm_destroy(vfm_state_t* vm);

/* Verifies a program, bytecode or module, and makes it the VM's, with empty flow tables. The bytes
 * are copied. A program that is rejected gives the error code of its first fault and the VM keeps
 * the one that it had; so does a program with imports that are not registered
 * (VFM_ERROR_VERIFICATION_FAILED). */
VFM_API int vfm_load_program(vfm_state_t* vm, const uint8_t* program, uint32_t len);

/* The same with the content of a file. A file that is missing or cannot be read is
 * VFM_ERROR_INVALID_PROGRAM. */
VFM_API int vfm_load_program_file(vfm_state_t* vm, const char* filename);

/* Checks a program, bytecode or module, without loading it: VFM_SUCCESS, or the code of its first
 * fault. */
VFM_API int vfm_verify(const uint8_t* program, uint32_t len);

/* From now on programs of this VM run as native code where that is possible, and are interpreted
 * where it is not; vfm_jit_active() tells. Before or after a program is loaded; flow tables keep
 * their content. VFM_ERROR_NO_MEMORY, and nothing changes, if this machine cannot run native code
 * at all, or the system gives no executable memory. What runs batches is compiled with the rest. */
VFM_API int vfm_enable_jit(vfm_state_t* vm);

/* 1 if the loaded program runs as native code, else 0. */
VFM_API int vfm_jit_active(const vfm_state_t* vm);

/* What the last call that loads, changes or begins something on this VM had to say, perhaps several
 * lines: why it failed, or why the program is interpreted although native code was asked for. "" if
 * there is nothing to say, or no memory to say it. A run leaves it alone, unless it could not begin
 * (no program, no packet). Valid until the next call on the VM; never null. */
VFM_API const char* vfm_error_message(const vfm_state_t* vm);

/* Running */

/* Runs the program on one packet, which begins at its Ethernet header. Gives the program's value,
 * values above INT_MAX as INT_MAX, or a negative error code: that of the run,
 * VFM_ERROR_INVALID_PROGRAM if no program is loaded. `packet` may be null if `packet_len` is 0. */
VFM_API int vfm_execute(vfm_state_t* vm, const uint8_t* packet, uint16_t packet_len);

/* The same with the whole 64-bit value in *value, which is 0 after an error. Gives VFM_SUCCESS or
 * an error code. The program sees the first 65,535 bytes of a longer packet. */
VFM_API int vfm_execute64(vfm_state_t* vm, const uint8_t* packet, size_t packet_len,
                          uint64_t* value);

/* A packet of a batch. */
typedef struct vfm_packet {
    const uint8_t* data; /* may be null if len is 0 */
    size_t len;          /* the program sees at most 65,535 bytes */
    uint64_t timestamp;  /* nanoseconds, what NOW gives; 0 for the monotonic clock */
} vfm_packet_t;

/* What a program made of a packet. */
typedef struct vfm_outcome {
    uint64_t value; /* 0 after an error */
    int error;      /* VFM_SUCCESS or an error code */
} vfm_outcome_t;

/* Runs the program on each packet in turn: outcomes[i] is what vfm_execute64() would have given
 * there. Faster than one call a packet; bursts of 32 to 256 suit it best. Gives VFM_SUCCESS if all
 * were run, whatever became of each. An argument that is wrong, VFM_ERROR_BOUNDS for a packet that
 * is null but has a length, is found before anything is run or written. */
VFM_API int vfm_execute_batch(vfm_state_t* vm, const vfm_packet_t* packets, size_t count,
                              vfm_outcome_t* outcomes);

/* A packet with what the host knows of it. */
typedef struct vfm_frame {
    const uint8_t* data;    /* may be null if len is 0 */
    size_t len;             /* the program sees at most 65,535 bytes */
    uint64_t timestamp;     /* nanoseconds, what NOW gives; 0 for the monotonic clock */
    uint32_t wire_length;   /* bytes on the wire where not all were kept; 0: all are there */
    uint32_t interface;     /* index of the interface it arrived at; 0: unknown */
    uint32_t queue;         /* receive queue of that interface, from 0 */
    uint16_t vlan_protocol; /* of an outer VLAN tag that was taken from the bytes: 0x8100 or 0x88a8;
                               0: none was */
    uint16_t vlan_tci;      /* its priority, drop eligible bit and VLAN identifier */
} vfm_frame_t;

/* As vfm_execute64(). The program sees the packet as it was on the wire, so with a tag that was
 * taken in its place behind the addresses (which costs a copy of the packet, and LEN counts it); of
 * fewer than 12 bytes only these. What else the frame says no instruction asks for: host functions
 * do. */
VFM_API int vfm_execute_frame(vfm_state_t* vm, const vfm_frame_t* frame, uint64_t* value);

/* In a host function that vfm_execute_frame() reaches: the frame of the run. Null elsewhere. */
VFM_API const vfm_frame_t* vfm_current_frame(const vfm_state_t* vm);

/* Flow tables. They grow with their entries; one for which the system has no memory left is full at
 * the size that it has, which is no error of the packet. A table is named by its number, from 0. */

/* Gives the flow table of programs that declare none, now and in programs loaded later, room for
 * `size` entries (without this call 65,536), and forgets all entries of the VM. Tables that a
 * module declares keep the size it says. Size 0 is VFM_ERROR_INVALID_PROGRAM, more than 67,108,864
 * VFM_ERROR_NO_MEMORY. */
VFM_API int vfm_flow_table_init(vfm_state_t* vm, uint32_t size);

/* Forgets all entries of all flow tables. Null is allowed. */
VFM_API void vfm_flow_table_clear(vfm_state_t* vm);

/* Tables of the loaded program; 1 for one that declares none, 0 if none is loaded. */
VFM_API uint32_t vfm_flow_table_count(const vfm_state_t* vm);

#define VFM_MAX_KEY_WORDS 8

/* What a part of a key stands for, and how many words of 64 bits it takes. Of two the upper comes
 * first. */
#define VFM_KEY_U64 0   /* 1: a number */
#define VFM_KEY_IPV4 1  /* 1 */
#define VFM_KEY_IPV6 2  /* 2 */
#define VFM_KEY_PORT 3  /* 1 */
#define VFM_KEY_PROTO 4 /* 1: a protocol of IP */
#define VFM_KEY_HASH 5  /* 1 */
#define VFM_KEY_MAC 6   /* 1 */
#define VFM_KEY_IP 7    /* 2: an address of either family, an IPv4 one as ::ffff:a.b.c.d */
#define VFM_KEY_CONN 8  /* 7: address, port, address, port and protocol of a connection */

/* A flow table. The name is valid until the VM gets another program or is destroyed. */
typedef struct vfm_flow_table {
    const char* name;
    uint8_t kinds[VFM_MAX_KEY_WORDS]; /* of the parts of a key, in the order of their words */
    uint32_t kind_count;              /* parts */
    uint32_t key_words;               /* of all parts together, 1 to 8 */
    uint32_t capacity;                /* entries it may have */
    uint32_t entries;                 /* entries it has */
    int evicts;              /* 1: where it is full a new entry takes the place of one that was not
                                used for long; 0: it is refused */
    uint64_t refused_stores; /* new entries that were refused */
} vfm_flow_table_t;

VFM_API int vfm_flow_table_info(vfm_state_t* vm, uint32_t table, vfm_flow_table_t* info);

/* The number of the table of this name, VFM_ERROR_INVALID_PROGRAM if there is none. */
VFM_API int vfm_flow_table_find(vfm_state_t* vm, const char* name);

#define VFM_ABSENT 1 /* of vfm_flow_get(): the key has no entry */

/* The value of a key, which is `words` words, as many as the table's keys have. VFM_SUCCESS, or
 * VFM_ABSENT with 0 in *value. Unlike a program's own look it does not count as use of the entry.
 */
VFM_API int vfm_flow_get(vfm_state_t* vm, uint32_t table, const uint64_t* key, uint32_t words,
                         uint64_t* value);

/* Gives a key a value, as FLOW_SET does. VFM_ERROR_NO_MEMORY if the table is full and does not
 * evict (then refused_stores counts it), or has no memory for it. */
VFM_API int vfm_flow_set(vfm_state_t* vm, uint32_t table, const uint64_t* key, uint32_t words,
                         uint64_t value);

/* Forgets a key. One that has no entry is no error. */
VFM_API int vfm_flow_delete(vfm_state_t* vm, uint32_t table, const uint64_t* key, uint32_t words);

/* Called for an entry of a table. Other than 0 ends the walk. May call functions of the VM, also
 * such as change the table. Must not throw or jump out. */
typedef int (*vfm_flow_visit_t)(void* user, const uint64_t* key, uint32_t words, uint64_t value);

/* Calls `visit` for each entry that the table has now, in no particular order. Takes memory for all
 * of them, 88 bytes each. */
VFM_API int vfm_flow_each(vfm_state_t* vm, uint32_t table, vfm_flow_visit_t visit, void* user);

/* A key as people write it, its parts with commas between them: "10.0.0.1,443". `text` gets as much
 * of it as fits `size` bytes, with a 0 behind it. */
VFM_API int vfm_flow_key_text(vfm_state_t* vm, uint32_t table, const uint64_t* key, uint32_t words,
                              char* text, size_t size);

/* Counters, as `rules` has one a rule. They are the VM's: threads that share a program add up. */

/* A counter, and what it counts. The texts are valid until the VM gets another program or is
 * destroyed, "" where the program does not say. */
typedef struct vfm_counter {
    const char* group; /* what it belongs to */
    const char* name;
    const char* file;
    uint32_t line;    /* from 1; 0: unknown */
    const char* text; /* of the rule */
    uint64_t packets;
    uint64_t bytes; /* their lengths, as the program sees these */
} vfm_counter_t;

/* Counters of all groups of the loaded program, 0 if none is loaded. */
VFM_API uint32_t vfm_counter_count(const vfm_state_t* vm);

/* Counter `index`, from 0: those of a group stand together and in order. */
VFM_API int vfm_counter_get(vfm_state_t* vm, uint32_t index, vfm_counter_t* counter);

/* All counters go back to 0. Null is allowed. */
VFM_API void vfm_counters_reset(vfm_state_t* vm);

/* Live sets: sets that a module declares as such, `(defset blocked :live)` in VFLisp. They can be
 * changed while programs look keys up in them. A VM begins with sets of its own, as they are
 * declared. */

/* A live set, for any threads at once. A change is seen as a whole: a run that is under way, or a
 * burst of 64 packets of a batch, sees the set as it was when it began. The time of a change grows
 * with all members of the set (0.2 ms for 10,000), so make many in one call. */
typedef struct vfm_set vfm_set_t;

/* A member: the keys whose first `length` bits are those of hi and lo, which together are a number
 * of the set's width. A single key has a length of the full width. */
typedef struct vfm_member {
    uint64_t hi;    /* 0 unless the width is 128 */
    uint64_t lo;    /* an IPv4 address as a number: 10.0.0.1 is 0x0a000001 */
    uint8_t length; /* bits from the top, 0 (every key) to the width */
} vfm_member_t;

/* Name of the live set numbered `index`, from 0; null if the loaded program has not so many. Valid
 * until the VM gets another program or is destroyed. (A set of VFLisp that holds IPv6 addresses is
 * two: `blocked` for numbers and IPv4 addresses, and `blocked IPv6`.) */
VFM_API const char* vfm_live_set_name(const vfm_state_t* vm, uint32_t index);

/* The VM's live set of this name, which the caller gives to vfm_set_close(). It outlives the VM.
 * On an error *set is null. */
VFM_API int vfm_set_open(vfm_state_t* vm, const char* name, vfm_set_t** set);

/* Lets go of a set; VMs that use it keep it. Null is allowed. */
VFM_API void vfm_set_close(vfm_set_t* set);

/* Makes a set the VM's own of this name: so several VMs look at one, and a set goes on when a
 * program is loaded again. VFM_ERROR_VERIFICATION_FAILED if the program declares another width. */
VFM_API int vfm_use_set(vfm_state_t* vm, const char* name, const vfm_set_t* set);

/* Bits of a key: 32, 48, 64 or 128; 0 of null. */
VFM_API uint32_t vfm_set_width(const vfm_set_t* set);

/* 1 if a key is in the set, else 0; VFM_ERROR_INVALID_PROGRAM for a set that is null. */
VFM_API int vfm_set_contains(const vfm_set_t* set, uint64_t hi, uint64_t lo);

/* Add members, take some away, or make them all that there are. What is in the set already comes no
 * second time. Of what is taken away no key is in the set afterwards: of a prefix around it stays
 * what surrounds it. Where one of them cannot be a member, VFM_ERROR_INVALID_PROGRAM, and where
 * there would be more than 16,777,216, VFM_ERROR_NO_MEMORY, nothing changes. `members` may be null
 * if there are none. *changed, which may be null, gets the number of members that came, or went or
 * lost keys. */
VFM_API int vfm_set_add(vfm_set_t* set, const vfm_member_t* members, size_t count, size_t* changed);
VFM_API int vfm_set_remove(vfm_set_t* set, const vfm_member_t* members, size_t count,
                           size_t* changed);
VFM_API int vfm_set_replace(vfm_set_t* set, const vfm_member_t* members, size_t count);

/* Called for a member of a set. Other than 0 ends the walk. May call any function. Must not throw
 * or jump out. */
typedef int (*vfm_set_visit_t)(void* user, const vfm_member_t* member);

/* Calls `visit` for each member that the set has now, in order of their numbers. */
VFM_API int vfm_set_each(const vfm_set_t* set, vfm_set_visit_t visit, void* user);

/* Host functions */

/* A function of yours that programs reach by CALL. `arguments` are those of the call, the first
 * pushed first; `user` is as registered. Runs on the thread of the run; must not throw or jump out,
 * nor call functions of the same VM but vfm_current_frame(). */
typedef uint64_t (*vfm_host_function_t)(void* user, const uint64_t* arguments);

/* Makes a function known to the programs of this VM; a module imports it by name and number of
 * arguments, and is not loaded without it. The same name again replaces the function, for the
 * loaded program, too: VFM_ERROR_VERIFICATION_FAILED if that gives it another number of arguments.
 * `arity` is 0 to 5. The name, which is copied, has 1 to 65,535 bytes and neither blanks nor
 * control characters. */
VFM_API int vfm_register_function(vfm_state_t* vm, const char* name, uint32_t arity,
                                  vfm_host_function_t function, void* user);

/* Shared programs */

/* A verified program, with its native code once a VM asked for that. Read-only. */
typedef struct vfm_program vfm_program_t;

/* Verifies a program, bytecode or module. On an error *program is null. */
VFM_API int vfm_program_create(vfm_program_t** program, const uint8_t* bytes, uint32_t len);

/* Lets go of a program; VMs that use it keep it. Null is allowed. */
VFM_API void vfm_program_destroy(vfm_program_t* program);

/* As vfm_load_program(), with a program that is verified already and may be in use by other VMs on
 * other threads. */
VFM_API int vfm_use_program(vfm_state_t* vm, const vfm_program_t* program);

/* Compiling */

/* Compiles VFLisp. *bytecode is then a program for vfm_load_program(), *bytecode_len bytes, which
 * the caller gives to free(). An error in the text is VFM_ERROR_INVALID_PROGRAM: *bytecode is null
 * and error_msg, error_msg_size bytes, has the reason with its place, cut where it is too long.
 * error_msg may be null if its size is 0; it is "" on success. A string that names files, by
 * `include` or `:file`, is an error there. */
VFM_API int vfl_compile_string(const char* source, uint8_t** bytecode, uint32_t* bytecode_len,
                               char* error_msg, size_t error_msg_size);

/* The same with the text of a file. Files that it names are relative to the directory `base`, and
 * where that is null to the file that names them. `message` is as error_msg, but on success it has
 * the warnings, each with its place: "" if there are none. A file that cannot be read is
 * VFM_ERROR_INVALID_PROGRAM. */
VFM_API int vfl_compile_file(const char* filename, const char* base, uint8_t** bytecode,
                             uint32_t* bytecode_len, char* message, size_t message_size);

/* Debugging */

/* Instructions that a run of this VM may take; more is VFM_ERROR_LIMIT. They are counted by basic
 * block, when it is entered. 0 takes back an earlier limit, so that the program's own is valid
 * (10,000 where it says nothing). Remembered for programs loaded later. */
VFM_API int vfm_set_insn_limit(vfm_state_t* vm, uint64_t limit);

/* The limit that is valid now; 0 if none was set and no program is loaded. */
VFM_API uint64_t vfm_get_insn_limit(const vfm_state_t* vm);

/* Begins a run in single steps: places the VM before the first instruction. The packet must stay as
 * it is until the run ends. Flow tables and host functions are those of the VM, so a run in steps
 * has the effects of any other. Loading a program, beginning another run in steps or changing what
 * the VM was told (its limit, its functions, ...) ends it; vfm_execute() leaves it alone.
 * vfm_step() until it gives something else than VFM_STEP_MORE is the run as a whole. */
VFM_API int vfm_step_begin(vfm_state_t* vm, const uint8_t* packet, size_t packet_len);

#define VFM_STEP_MORE 1 /* of vfm_step(): the run goes on */

/* Executes the next instruction. Gives VFM_STEP_MORE if the run goes on, VFM_SUCCESS if this was
 * its end, with the value in *value (which may be null), or the error code that the run ended with.
 * The same again after the end; VFM_ERROR_INVALID_PROGRAM if no run was begun. */
VFM_API int vfm_step(vfm_state_t* vm, uint64_t* value);

/* Of the run in steps: code offset of the next instruction (after the end: of the last),
 * instructions executed, values on the stack, and one of these, where 0 is the one at the bottom. 0
 * if there is no such thing. */
VFM_API uint32_t vfm_get_pc(const vfm_state_t* vm);
VFM_API uint64_t vfm_get_insn_count(const vfm_state_t* vm);
VFM_API uint32_t vfm_get_stack_depth(const vfm_state_t* vm);
VFM_API uint64_t vfm_get_stack_value(const vfm_state_t* vm, uint32_t index);

/* Something that a run in steps has evaluated: an expression of the source or, of a program that
 * does not know its expressions, an instruction. (Modules made of VFLisp know them, raw bytecode
 * does not. A filter that declares nothing and has no `rules` is compiled to raw bytecode;
 * `vflispc --module` makes a module of any.) Texts are valid until the function that is told
 * returns, and never null where it does not say so. Later versions may add members at the end. */
typedef struct vfm_trace_step {
    /* What it is. */
    int is_instruction;   /* 1: an instruction; 0: an expression */
    uint32_t code_offset; /* of an instruction; 0 of an expression */
    const char* file;     /* as it was given; "" where the program does not say */
    uint32_t line;        /* where it begins, from 1; 0: unknown */
    uint32_t column;      /* the same, in bytes, from 1; 0: unknown */
    const char* text;     /* as it stands in the source; of an instruction its assembly */
    uint32_t depth; /* expressions that it stands within: what came before and is deeper by one is
                       what it was evaluated from */

    /* What it gave. */
    int error;            /* VFM_SUCCESS, or the error code that it ended with */
    int absent;           /* 1: nothing, as a field of a header that the packet has not; of an
                             instruction: the stack is empty behind it */
    uint32_t value_words; /* words of its value; 0 where it is absent or ended with an error */
    uint64_t value[VFM_MAX_KEY_WORDS]; /* of an instruction the top of the stack behind it */
    int value_kind;                    /* what these words stand for: VFM_KEY_U64, ... */
    int is_test;                       /* 1: the value is a truth, 1 or 0 */
    const char* value_text;            /* "443", "10.0.0.1", "true", "absent", "BOUNDS" */

    /* Bytes of the packet that it read by itself, last. */
    uint32_t bytes_offset;
    uint32_t bytes_size; /* 0: it read none */

    /* What it did with an entry of a flow table. */
    const char* table;               /* null: nothing, and the members below are 0 and "" */
    uint32_t table_number;           /* for vfm_flow_get() and the like */
    uint32_t key_words;              /* words of the key */
    uint64_t key[VFM_MAX_KEY_WORDS]; /* the entry's */
    const char* key_text;            /* "10.0.0.1,443" */
    int looked;                      /* 1: it asked what the entry held */
    uint64_t before;                 /* that; 0 for an entry that was not there */
    int wrote;                       /* 1: it gave the entry a value; 0 also for one refused */
    uint64_t after;                  /* that value */

    /* Rules. */
    const char* test_of;   /* of the test of a rule: the counter group of its `rules`; else null */
    uint32_t test_rule;    /* which rule, from 1 */
    const char* decided;   /* of `rules`: their counter group, once a rule decided; else null */
    uint32_t decided_rule; /* which rule, from 1; 0: the default */
    uint32_t decided_counter; /* its number for vfm_counter_get(), which has line and name */
} vfm_trace_step_t;

/* Told what a run in steps has evaluated. Runs within vfm_step(); must not throw or jump out. It
 * may run packets, read the VM, change flow tables, counters and members of sets, and call
 * vfm_set_step_trace(). What would end the run that it is told of (loading or using a program,
 * settings, vfm_use_set(), vfm_step_begin(), vfm_step()) is VFM_ERROR_INVALID_PROGRAM there, and
 * vfm_destroy() does nothing. */
typedef void (*vfm_step_trace_t)(void* user, const vfm_trace_step_t* step);

/* From the next vfm_step_begin() on `function` is told what is evaluated, in the vfm_step() in
 * which it is done: none, one or several of them a step. Arguments come before what they are
 * arguments of, in order of evaluation, so that the last of a run is the program as a whole;
 * literals are not told. Null: nobody is told, from now on; a run that begins then tells nobody to
 * its end. Valid for every program that the VM gets. Runs give what they give without it; one that
 * finds no memory for telling ends with VFM_ERROR_NO_MEMORY. */
VFM_API int vfm_set_step_trace(vfm_state_t* vm, vfm_step_trace_t function, void* user);

#ifdef __cplusplus
}
#endif

#endif
