/* What the programs in the kernel (kernel_programs.c) tell watch.cc: C, for both. Of one machine
   and one build, so neither versioned nor swapped. */
#ifndef STELE_COMMANDS_KERNEL_RECORD_H
#define STELE_COMMANDS_KERNEL_RECORD_H

#ifdef __cplusplus
#include <cstdint>
#endif

enum { STELE_EXEC = 1, STELE_EXIT = 2 };

enum {
  STELE_PATH_BYTES_MAX = 1024, /* of the file and of the directory, each; longer ones are cut */
  STELE_ARGV_BYTES_MAX =
      28 << 10 /* of all arguments; a power of two is not needed, 32 KiB in all is the most */
};

/* What a cut record lacks. */
enum { STELE_CUT_FILE = 1, STELE_CUT_DIRECTORY = 2, STELE_CUT_ARGV = 4 };

struct stele_credentials {
  uint32_t uid, euid, gid, egid;
  uint64_t capabilities; /* effective */
};

struct stele_record {
  uint32_t kind;
  uint32_t pid, parent; /* thread group ids */
  uint32_t status;      /* exit: as wait(2) gives it */
  uint64_t session;     /* as track() named it */
  uint64_t boot_ns;     /* CLOCK_BOOTTIME */
  struct stele_credentials
      before; /* when this process was last looked at: at its exec, or at its parent's */
  struct stele_credentials now;
  uint32_t login_uid, audit_session; /* 4294967295: unset */
  uint32_t terminal; /* the controlling one, as in proc_pid_stat(5), field 7; 0: none */
  uint32_t cut;
  uint32_t directory_bytes; /* its names, from the last to the first, each ended by a 0 */
  uint32_t argv_bytes;      /* each argument is ended by a 0 */
  /* Only of an exec: */
  char file[STELE_PATH_BYTES_MAX]; /* ended by a 0 */
  char directory[STELE_PATH_BYTES_MAX];
  char argv[STELE_ARGV_BYTES_MAX];
};

/* A process that is followed, by its thread group id. */
struct stele_followed {
  uint64_t session;
  struct stele_credentials last;
  uint32_t knows_last;   /* else there is nothing to compare with yet */
  uint32_t has_executed; /* since it was made, or followed */
};

#endif
