/* Follows the processes of sessions: what they execute, as whom, and how they end; and what sshd
   connects to and listens on.

   A process is followed once user space has put it into `tracked`, and so is every process that it
   makes, however it leaves its parent, its terminal or its session. Of kernel types only the fields
   that are read are spelled here; where they are in the running kernel, its BTF says (CO-RE). Dual
   licence: the helpers that read memory want the second one. */
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long long uint64_t;
typedef int int32_t;
typedef uint32_t __u32;
typedef uint64_t __u64;
typedef unsigned short __u16;
typedef unsigned char __u8;
typedef short __s16;
typedef int32_t __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

enum {
  BPF_MAP_TYPE_HASH = 1,
  BPF_MAP_TYPE_ARRAY = 2,
  BPF_MAP_TYPE_PERCPU_ARRAY = 6,
  BPF_MAP_TYPE_LRU_HASH = 9,
  BPF_MAP_TYPE_RINGBUF = 27,
  BPF_ANY = 0,
  BPF_NOEXIST = 1,
  BPF_RB_NO_WAKEUP = 1,
  BPF_RB_FORCE_WAKEUP = 2,
  BPF_RB_AVAIL_DATA = 0
};

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "commands/kernel_record.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define KERNEL __attribute__((preserve_access_index))

typedef struct {
  uint32_t val;
} KERNEL kuid_t;
typedef struct {
  uint32_t val;
} KERNEL kgid_t;
struct capabilities {};
struct cred {
  kuid_t uid, euid;
  kgid_t gid, egid;
  struct capabilities cap_effective;
} KERNEL;
struct tty_driver {
  int major, minor_start;
} KERNEL;
struct tty_struct {
  struct tty_driver* driver;
  int index;
} KERNEL;
typedef struct {
  int counter;
} KERNEL atomic_t;
struct signal_struct {
  atomic_t live;
  int group_exit_code;
  uint32_t flags;
  struct tty_struct* tty;
} KERNEL;
struct qstr {
  const unsigned char* name;
} KERNEL;
struct dentry {
  struct dentry* d_parent;
  struct qstr d_name;
} KERNEL;
struct vfsmount {
  struct dentry* mnt_root;
} KERNEL;
struct mount {
  struct mount* mnt_parent;
  struct dentry* mnt_mountpoint;
  struct vfsmount mnt;
} KERNEL;
struct path {
  struct vfsmount* mnt;
  struct dentry* dentry;
} KERNEL;
struct fs_struct {
  struct path pwd;
} KERNEL;
struct inode {
  kuid_t i_uid;
} KERNEL;
struct file {
  struct inode* f_inode;
  struct path f_path;
} KERNEL;
struct mm_struct {
  unsigned long arg_start, arg_end;
  struct file* exe_file;
} KERNEL;
enum { NAME_BYTES = 16 };
struct task_struct {
  int pid, tgid, exit_code;
  uint64_t start_boottime;
  char comm[NAME_BYTES];
  struct task_struct *real_parent, *group_leader;
  const struct cred* cred;
  struct signal_struct* signal;
  struct fs_struct* fs;
  struct mm_struct* mm;
  kuid_t loginuid;
  uint32_t sessionid;
} KERNEL;
struct linux_binprm {
  const char* filename;
} KERNEL;
struct in6_addr {
  char bytes[16];
};
struct sock_common {
  uint32_t skc_daddr, skc_rcv_saddr;
  uint16_t skc_dport, skc_num, skc_family;
  struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
} KERNEL;
struct sock {
  struct sock_common __sk_common;
  uint16_t sk_protocol;
} KERNEL;

enum {
  SIGNAL_GROUP_EXIT = 4,
  TCP_SYN_SENT = 2,
  TCP_LISTEN = 10,
  IPPROTO_TCP = 6,
  AF_INET = 2,
  AF_INET6 = 10,
  UNSET = 0xffffffffU,
  DIRECTORY_NAMES_MAX = 64,
  NAME_BYTES_MAX = 256,
  WAKE_BYTES = 1 << 20
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 65536);
  __type(key, uint32_t); /* thread group id */
  __type(value, struct FollowedProcess);
} tracked SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 8 << 20);
} records SEC(".maps");

/* Of sessions: how many records and processes were lost since they were tracked. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8192);
  __type(key, uint64_t);
  __type(value, uint64_t);
} lost SEC(".maps");

/* For who reads, and comes again: whether the reader before stopped in order. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, uint32_t);
  __type(value, uint32_t);
} stopped SEC(".maps");

/* Terminals that were told. The one that was looked at the longest ago makes room: it is told
   again, should anybody be there. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 4096);
  __type(key, struct TerminalKey);
  __type(value, uint32_t);
} terminals SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, uint32_t);
  __type(value, struct KernelRecord);
} scratch SEC(".maps");

static __always_inline void note_lost(uint64_t session) {
  uint64_t* count = bpf_map_lookup_elem(&lost, &session);
  if (count) __sync_fetch_and_add(count, 1);
}

static __always_inline void read_credentials(struct KernelCredentials* to,
                                             struct task_struct* task) {
  const struct cred* cred = BPF_CORE_READ(task, cred);
  to->uid = BPF_CORE_READ(cred, uid.val);
  to->euid = BPF_CORE_READ(cred, euid.val);
  to->gid = BPF_CORE_READ(cred, gid.val);
  to->egid = BPF_CORE_READ(cred, egid.val);
  to->capabilities = 0;
  bpf_core_read(&to->capabilities, sizeof(to->capabilities), &cred->cap_effective);
}

static __always_inline uint32_t terminal_of(struct task_struct* task) {
  struct tty_struct* tty = BPF_CORE_READ(task, signal, tty);
  if (!tty) return 0;
  uint32_t major = BPF_CORE_READ(tty, driver, major);
  uint32_t minor = BPF_CORE_READ(tty, driver, minor_start) + BPF_CORE_READ(tty, index);
  return (minor & 0xff) | (major << 8) | ((minor & ~0xffU) << 12);
}

static __always_inline struct KernelRecord* begin(uint32_t kind, struct task_struct* task,
                                                  struct FollowedProcess* followed) {
  uint32_t zero = 0;
  struct KernelRecord* record = bpf_map_lookup_elem(&scratch, &zero);
  if (!record) return 0;
  record->kind = kind;
  record->pid = BPF_CORE_READ(task, tgid);
  record->parent = BPF_CORE_READ(task, real_parent, tgid);
  record->status = 0;
  record->session = followed->session;
  record->boot_ns = bpf_ktime_get_boot_ns();
  read_credentials(&record->now, task);
  if (followed->knows_last)
    record->before = followed->last;
  else
    record->before = record->now;
  record->login_uid = record->audit_session = UNSET;
  if (bpf_core_field_exists(task->loginuid)) record->login_uid = BPF_CORE_READ(task, loginuid.val);
  if (bpf_core_field_exists(task->sessionid))
    record->audit_session = BPF_CORE_READ(task, sessionid);
  record->terminal = terminal_of(task);
  record->cut = record->directory_bytes = record->argv_bytes = 0;
  return record;
}

/* Who reads looks by itself now and then (watch.cc), and is woken before the ring is full: a
   wake-up for each record would cost more than all the rest. */
static __always_inline int send_of(uint64_t session, void* record, uint64_t bytes) {
  int is_much = bpf_ringbuf_query(&records, BPF_RB_AVAIL_DATA) > WAKE_BYTES;
  uint64_t flags = is_much ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
  int is_sent = bpf_ringbuf_output(&records, record, bytes, flags) == 0;
  if (!is_sent) note_lost(session);
  return is_sent;
}

static __always_inline int send(struct KernelRecord* record, uint64_t bytes) {
  return send_of(record->session, record, bytes);
}

static __always_inline void read_file(struct KernelRecord* record, struct linux_binprm* program) {
  long got = bpf_probe_read_kernel_str(record->file, sizeof(record->file),
                                       BPF_CORE_READ(program, filename));
  if (got <= 0) record->file[0] = 0;
  if (got <= 0 || got == sizeof(record->file)) record->cut |= kCutFile;
}

/* Nobody follows this process. On a terminal where somebody logged in that is told: once, as long
   as it is remembered. */
static __always_inline void note_terminal(struct task_struct* task, struct linux_binprm* program) {
  if (!bpf_core_field_exists(task->loginuid) || !bpf_core_field_exists(task->sessionid)) return;
  if (BPF_CORE_READ(task, loginuid.val) == UNSET) return;
  struct TerminalKey key = {.audit_session = BPF_CORE_READ(task, sessionid),
                            .terminal = terminal_of(task)};
  if (key.terminal == 0 || bpf_map_lookup_elem(&terminals, &key)) return;
  uint32_t told = 1;
  if (bpf_map_update_elem(&terminals, &key, &told, BPF_NOEXIST) != 0) return;
  struct FollowedProcess nobody = {};
  struct KernelRecord* record = begin(kKernelTerminal, task, &nobody);
  if (!record) return;
  read_file(record, program);
  if (!send(record, __builtin_offsetof(struct KernelRecord, directory)))
    bpf_map_delete_elem(&terminals, &key); /* the next exec there tells it */
}

struct walk {
  struct KernelRecord* record;
  struct dentry* name;
  struct mount* mount;
  uint32_t bytes;
  uint32_t is_done;
};

/* One step towards the root: from a name to its directory, or from a mount's root to where it is
 * mounted. */
static long walk_up(uint32_t index, struct walk* walk) {
  struct dentry* name = walk->name;
  struct mount* mount = walk->mount;
  struct dentry* parent = BPF_CORE_READ(name, d_parent);
  if (name == BPF_CORE_READ(mount, mnt.mnt_root) || name == parent) {
    walk->name = BPF_CORE_READ(mount, mnt_mountpoint);
    walk->mount = BPF_CORE_READ(mount, mnt_parent);
    walk->is_done = walk->mount == mount;
    return walk->is_done;
  }
  uint32_t bytes = walk->bytes;
  if (bytes > kPathBytesMax - NAME_BYTES_MAX) return 1;
  const unsigned char* text = BPF_CORE_READ(name, d_name.name);
  long got = bpf_probe_read_kernel_str(walk->record->directory + bytes, NAME_BYTES_MAX, text);
  if (got <= 0) return 1;
  walk->bytes = bytes + (uint32_t)got;
  walk->name = parent;
  return 0;
}

static __always_inline void read_directory(struct KernelRecord* record, struct task_struct* task) {
  struct vfsmount* mnt = BPF_CORE_READ(task, fs, pwd.mnt);
  struct walk walk = {
      .record = record,
      .name = BPF_CORE_READ(task, fs, pwd.dentry),
      .mount = (struct mount*)((char*)mnt - bpf_core_field_offset(struct mount, mnt)),
  };
  bpf_loop(DIRECTORY_NAMES_MAX, walk_up, &walk, 0);
  record->directory_bytes = walk.bytes;
  if (!walk.is_done) record->cut |= kCutDirectory;
}

static __always_inline void read_argv(struct KernelRecord* record, struct task_struct* task) {
  unsigned long from = BPF_CORE_READ(task, mm, arg_start);
  uint64_t bytes = BPF_CORE_READ(task, mm, arg_end) - from;
  if (bytes > kArgvBytesMax) {
    bytes = kArgvBytesMax;
    record->cut |= kCutArgv;
  }
  if (bpf_probe_read_user(record->argv, bytes, (const void*)from) != 0) {
    bytes = 0;
    record->cut |= kCutArgv;
  }
  record->argv_bytes = bytes;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct* parent, struct task_struct* child) {
  uint32_t child_id = BPF_CORE_READ(child, tgid), parent_id = BPF_CORE_READ(parent, tgid);
  if (child_id == parent_id) return 0; /* a thread */
  struct FollowedProcess* followed = bpf_map_lookup_elem(&tracked, &parent_id);
  if (!followed) return 0;
  struct FollowedProcess next = *followed;
  next.has_executed = next.is_recorder = 0;
  if (bpf_map_update_elem(&tracked, &child_id, &next, BPF_ANY) != 0) note_lost(next.session);
  return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct* task, int old_pid, struct linux_binprm* program) {
  uint32_t id = BPF_CORE_READ(task, tgid);
  struct FollowedProcess* followed = bpf_map_lookup_elem(&tracked, &id);
  if (!followed) {
    note_terminal(task, program);
    return 0;
  }
  struct KernelRecord* record = begin(kKernelExec, task, followed);
  if (!record) return 0;
  read_file(record, program);
  read_directory(record, task);
  read_argv(record, task);
  followed->last = record->now;
  followed->knows_last = followed->has_executed = 1;
  uint64_t bytes = __builtin_offsetof(struct KernelRecord, argv) + record->argv_bytes;
  if (bytes > sizeof(*record)) return 0; /* never, and the verifier wants to know it */
  send(record, bytes);
  return 0;
}

static __always_inline int is_sshd(const char* name) {
  return !__builtin_memcmp(name, "sshd", 5) || !__builtin_memcmp(name, "sshd-session", 13);
}

/* A process of root's that is sshd, or one that this one made and that gave root's rights away. A
   name alone anybody may take, and a set-uid program may be executed by any. */
static __always_inline int is_roots_sshd(struct task_struct* task) {
  char name[NAME_BYTES] = {};
  struct file* file = BPF_CORE_READ(task, mm, exe_file);
  const unsigned char* text = BPF_CORE_READ(file, f_path.dentry, d_name.name);
  if (bpf_probe_read_kernel_str(name, sizeof(name), text) < 0 || !is_sshd(name)) return 0;
  if (BPF_CORE_READ(file, f_inode, i_uid.val) != 0) return 0;
  if (BPF_CORE_READ(task, cred, euid.val) == 0) return 1;
  struct task_struct* parent = BPF_CORE_READ(task, group_leader, real_parent);
  bpf_core_read(name, sizeof(name), &parent->comm);
  return is_sshd(name) && BPF_CORE_READ(parent, cred, euid.val) == 0;
}

/* In the process that asks for it: who connects or listens is `current`. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_socket, struct sock* socket, int before, int now) {
  if (now != TCP_SYN_SENT && now != TCP_LISTEN) return 0;
  char name[NAME_BYTES] = {};
  bpf_get_current_comm(name, sizeof(name));
  if (!is_sshd(name)) return 0;
  struct task_struct* task = (struct task_struct*)bpf_get_current_task();
  uint32_t family = BPF_CORE_READ(socket, __sk_common.skc_family);
  if (BPF_CORE_READ(socket, sk_protocol) != IPPROTO_TCP || !is_roots_sshd(task)) return 0;
  if (family != AF_INET && family != AF_INET6) return 0;
  struct KernelForward forward = {.kind = kKernelForward,
                                  .pid = BPF_CORE_READ(task, tgid),
                                  .started_ns = BPF_CORE_READ(task, group_leader, start_boottime),
                                  .boot_ns = bpf_ktime_get_boot_ns(),
                                  .is_v6 = family == AF_INET6,
                                  .listens = now == TCP_LISTEN};
  struct sock_common* ends = &socket->__sk_common;
  if (forward.listens) {
    forward.port = BPF_CORE_READ(socket, __sk_common.skc_num);
    if (forward.is_v6)
      bpf_core_read(forward.address, 16, &ends->skc_v6_rcv_saddr);
    else
      bpf_core_read(forward.address, 4, &ends->skc_rcv_saddr);
  } else {
    forward.port = bpf_ntohs(BPF_CORE_READ(socket, __sk_common.skc_dport));
    if (forward.is_v6)
      bpf_core_read(forward.address, 16, &ends->skc_v6_daddr);
    else
      bpf_core_read(forward.address, 4, &ends->skc_daddr);
  }
  send_of(KERNEL_FORWARDS, &forward, sizeof(forward));
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct* task) {
  struct signal_struct* group = BPF_CORE_READ(task, signal);
  if (BPF_CORE_READ(group, live.counter) != 0) return 0; /* other threads go on */
  uint32_t id = BPF_CORE_READ(task, tgid);
  struct FollowedProcess* followed = bpf_map_lookup_elem(&tracked, &id);
  if (!followed) return 0;
  if (followed->has_executed || followed->is_recorder) {
    uint32_t kind = followed->is_recorder ? kKernelRecorderEnd : kKernelExit;
    struct KernelRecord* record = begin(kind, task, followed);
    if (record) {
      int is_group = BPF_CORE_READ(group, flags) & SIGNAL_GROUP_EXIT;
      record->status = is_group ? BPF_CORE_READ(group, group_exit_code)
                                : BPF_CORE_READ(task, group_leader, exit_code);
      send(record, __builtin_offsetof(struct KernelRecord, file));
    }
  }
  bpf_map_delete_elem(&tracked, &id);
  return 0;
}
