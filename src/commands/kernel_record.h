/* What the programs in the kernel (kernel_programs.c) tell watch.cc: C, for both. Of one machine
   and one build, so neither versioned nor swapped. */
#ifndef STELE_COMMANDS_KERNEL_RECORD_H
#define STELE_COMMANDS_KERNEL_RECORD_H

#ifdef __cplusplus
#include <cstdint>
#endif

enum {
  kKernelExec = 1,
  kKernelExit = 2,
  kKernelTerminal = 3, /* somebody who is not followed executes on a terminal: the first time */
  kKernelRecorderEnd = 4,
  kKernelForward = 5 /* an sshd connects, or listens: a KernelForward */
};

enum {
  kPathBytesMax = 1024, /* of the file and of the directory, each; longer ones are cut */
  kArgvBytesMax =
      28 << 10 /* of all arguments; a power of two is not needed, 32 KiB in all is the most */
};

/* What a cut record lacks. */
enum { kCutFile = 1, kCutDirectory = 2, kCutArgv = 4 };

struct KernelCredentials {
  uint32_t uid, euid, gid, egid;
  uint64_t capabilities; /* effective */
};

struct KernelRecord {
  uint32_t kind;
  uint32_t pid, parent; /* thread group ids */
  uint32_t status;      /* exit, recorder's end: as wait(2) gives it */
  uint64_t session;     /* as follow() named it; of a terminal: 0 */
  uint64_t boot_ns;     /* CLOCK_BOOTTIME */
  struct KernelCredentials
      before; /* when this process was last looked at: at its exec, or at its parent's */
  struct KernelCredentials now;
  uint32_t login_uid, audit_session; /* 4294967295: unset */
  uint32_t terminal; /* the controlling one, as in proc_pid_stat(5), field 7; 0: none */
  uint32_t cut;
  uint32_t directory_bytes; /* its names, from the last to the first, each ended by a 0 */
  uint32_t argv_bytes;      /* each argument is ended by a 0 */
  /* Only of an exec and, the file alone, of a terminal: */
  char file[kPathBytesMax]; /* ended by a 0 */
  char directory[kPathBytesMax];
  char argv[kArgvBytesMax];
};

/* What records of forwards that were lost are counted under: no session's name. */
#define KERNEL_FORWARDS 0xffffffffffffffffULL

struct KernelForward {
  uint32_t kind;
  uint32_t pid;        /* of the sshd */
  uint64_t started_ns; /* when it was made, CLOCK_BOOTTIME */
  uint64_t boot_ns;
  uint8_t address[16]; /* of the other end, or that it listens on; of IPv4 the first four */
  uint32_t is_v6, listens, port;
  uint32_t unused; /* 0 */
};

/* A process that is followed, by its thread group id. */
struct FollowedProcess {
  uint64_t session;
  struct KernelCredentials last;
  uint32_t knows_last;   /* else there is nothing to compare with yet */
  uint16_t has_executed; /* since it was made, or followed */
  uint16_t is_recorder;  /* who was followed first */
};

/* Where somebody is: a login's terminal. */
struct TerminalKey {
  uint32_t audit_session, terminal; /* as in a record */
};

#endif
