// Runs a program and breaks one call of it: the N-th, of all its threads and children together,
// that touches a file below a folder.
//
//   inject FOLDER LOG CALL N FAULT PROGRAM…
//       CALL: as in kCalls; FAULT: EIO, ENOSPC, KILL (in place of the call) or NONE.
//       LOG: a line "CALL file" for each call that touched the folder, "CALL file BROKEN" for the
//       one that was broken. Exit status: the program's, 128 + the signal that ended it, or 125.
//
// strace counts every thread's calls apart, so that it can not break the second thread's n-th call
// without the first's. Here the kernel asks before each call (seccomp_unotify(2)), one at a time.
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr int kNone = -1;
constexpr int kUnusable = 125;

// Which arguments name a file: descriptors, and paths beside the descriptor they are relative to.
struct Call {
  const char* name;
  int number;
  int fd = kNone, path = kNone, other_fd = kNone, other_path = kNone;
};

constexpr Call kCalls[] = {
    {"openat", SYS_openat, 0, 1},
    {"newfstatat", SYS_newfstatat, 0, 1},
    {"fstat", SYS_fstat, 0},
    {"statx", SYS_statx, 0, 1},
    {"faccessat", SYS_faccessat, 0, 1},
    {"faccessat2", SYS_faccessat2, 0, 1},
    {"readlinkat", SYS_readlinkat, 0, 1},
    {"getdents64", SYS_getdents64, 0},
    {"read", SYS_read, 0},
    {"readv", SYS_readv, 0},
    {"pread64", SYS_pread64, 0},
    {"lseek", SYS_lseek, 0},
    {"write", SYS_write, 0},
    {"writev", SYS_writev, 0},
    {"pwrite64", SYS_pwrite64, 0},
    {"pwritev", SYS_pwritev, 0},
    {"copy_file_range", SYS_copy_file_range, 0, kNone, 2},
    {"fallocate", SYS_fallocate, 0},
    {"ftruncate", SYS_ftruncate, 0},
    {"fadvise64", SYS_fadvise64, 0},
    {"fsync", SYS_fsync, 0},
    {"fdatasync", SYS_fdatasync, 0},
    {"sync_file_range", SYS_sync_file_range, 0},
    {"syncfs", SYS_syncfs, 0},
    {"flock", SYS_flock, 0},
    {"ioctl", SYS_ioctl, 0},
    {"mmap", SYS_mmap, 4},
    {"fchmod", SYS_fchmod, 0},
    {"fchmodat", SYS_fchmodat, 0, 1},
    {"fchown", SYS_fchown, 0},
    {"fchownat", SYS_fchownat, 0, 1},
    {"utimensat", SYS_utimensat, 0, 1},
    {"mkdirat", SYS_mkdirat, 0, 1},
    {"unlinkat", SYS_unlinkat, 0, 1},
    {"linkat", SYS_linkat, 0, 1, 2, 3},
    {"symlinkat", SYS_symlinkat, 1, 2},
    {"renameat2", SYS_renameat2, 0, 1, 2, 3},
#ifdef SYS_renameat
    {"renameat", SYS_renameat, 0, 1, 2, 3},
#endif
#ifdef SYS_open
    {"open", SYS_open, kNone, 0},
    {"stat", SYS_stat, kNone, 0},
    {"lstat", SYS_lstat, kNone, 0},
    {"access", SYS_access, kNone, 0},
    {"readlink", SYS_readlink, kNone, 0},
    {"mkdir", SYS_mkdir, kNone, 0},
    {"rmdir", SYS_rmdir, kNone, 0},
    {"unlink", SYS_unlink, kNone, 0},
    {"link", SYS_link, kNone, 0, kNone, 1},
    {"rename", SYS_rename, kNone, 0, kNone, 1},
    {"chmod", SYS_chmod, kNone, 0},
    {"chown", SYS_chown, kNone, 0},
#endif
};

const Call* find_call(int number) {
  for (const Call& call : kCalls) {
    if (call.number == number) return &call;
  }
  return nullptr;
}

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::_Exit(kUnusable);
}

// Memory that is no file's touches no folder. It must not wait here: a signal would end the wait
// with EINTR, which a sanitizer's own runtime does not expect of mmap.
constexpr sock_filter kPassAnonymousMemory[] = {
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 4),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[3])),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MAP_ANONYMOUS, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
};

int install_filter() {
  std::vector<sock_filter> code = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  code.insert(code.end(), std::begin(kPassAnonymousMemory), std::end(kPassAnonymousMemory));
  for (const Call& call : kCalls) {
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call.number), 0, 1));
    code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
  }
  code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) give_up("inject: no_new_privs");
  const long fd =
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
              SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program);
  if (fd < 0) give_up("inject: seccomp");
  return static_cast<int>(fd);
}

union Control {
  cmsghdr header;
  std::array<char, CMSG_SPACE(sizeof(int))> bytes;
};

// sendmsg and recvmsg are not among the calls that wait for an answer.
void pass(int socket, int fd) {
  char byte = 0;
  iovec part{&byte, 1};
  Control control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  if (sendmsg(socket, &message, 0) != 1) give_up("inject: sendmsg");
}

int take(int socket) {
  char byte = 0;
  iovec part{&byte, 1};
  Control control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1 || CMSG_FIRSTHDR(&message) == nullptr)
    std::_Exit(kUnusable);
  int fd = kNone;
  std::memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
  return fd;
}

std::string link_target(const std::string& path) {
  std::array<char, PATH_MAX> target;
  const ssize_t size = readlink(path.c_str(), target.data(), target.size());
  return size < 0 ? std::string() : std::string(target.data(), static_cast<size_t>(size));
}

std::string string_at(pid_t pid, uint64_t address) {
  std::string text;
  std::array<char, 256> part;
  while (text.size() < PATH_MAX) {
    // Up to the end of the page: what lies behind it may not be there.
    const size_t size = std::min<size_t>(part.size(), 4096 - address % 4096);
    iovec local{part.data(), size}, remote{reinterpret_cast<void*>(address), size};
    if (process_vm_readv(pid, &local, 1, &remote, 1, 0) != static_cast<ssize_t>(size)) return text;
    const size_t end = std::string_view(part.data(), size).find('\0');
    text.append(part.data(), std::min(end, size));
    if (end < size) break;
    address += size;
  }
  return text;
}

// The file that a descriptor, or a path beside it, names; empty: none.
std::string file_of(pid_t pid, const seccomp_data& data, int fd, int path) {
  const std::string name = path == kNone ? std::string() : string_at(pid, data.args[path]);
  if (name.starts_with('/')) return name;
  const std::string process = "/proc/" + std::to_string(pid);
  const int number = fd == kNone ? AT_FDCWD : static_cast<int>(data.args[fd]);
  const std::string base = link_target(
      number == AT_FDCWD ? process + "/cwd" : process + "/fd/" + std::to_string(number));
  return name.empty() ? base : base + "/" + name;
}

struct Wanted {
  std::string_view folder, call, fault;
  int number = 0;
};

class Breaker {
 public:
  Breaker(int listener, Wanted wanted, const char* log)
      : listener_(listener), wanted_(wanted), log_(log) {}

  void answer() {
    seccomp_notif asked{};
    if (ioctl(listener_, SECCOMP_IOCTL_NOTIF_RECV, &asked) != 0) return;  // whoever asked is gone
    seccomp_notif_resp reply{};
    reply.id = asked.id;
    reply.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    const Call* call = find_call(asked.data.nr);
    const std::string file = call == nullptr ? std::string() : touched(asked, *call);
    if (!file.empty()) judge(asked, *call, file, reply);
    (void)ioctl(listener_, SECCOMP_IOCTL_NOTIF_SEND, &reply);
  }

 private:
  std::string touched(const seccomp_notif& asked, const Call& call) const {
    const auto pid = static_cast<pid_t>(asked.pid);
    std::string file = file_of(pid, asked.data, call.fd, call.path);
    if (file.starts_with(wanted_.folder)) return file;
    if (call.other_fd == kNone && call.other_path == kNone) return {};
    file = file_of(pid, asked.data, call.other_fd, call.other_path);
    return file.starts_with(wanted_.folder) ? file : std::string();
  }

  void judge(const seccomp_notif& asked, const Call& call, const std::string& file,
             seccomp_notif_resp& reply) {
    const bool broken =
        wanted_.fault != "NONE" && call.name == wanted_.call && ++seen_ == wanted_.number;
    log_ << call.name << ' ' << file << (broken ? " BROKEN\n" : "\n") << std::flush;
    if (!broken) return;
    if (wanted_.fault == "KILL") {
      (void)kill(static_cast<pid_t>(asked.pid), SIGKILL);
    } else {
      reply.flags = 0;
      reply.error = wanted_.fault == "EIO" ? -EIO : -ENOSPC;
    }
  }

  const int listener_;
  const Wanted wanted_;
  std::ofstream log_;
  int seen_ = 0;
};

// Until every process that has the filter is gone.
void serve(int listener, Wanted wanted, const char* log) {
  Breaker breaker(listener, wanted, log);
  for (;;) {
    pollfd waiting{listener, POLLIN, 0};
    if (poll(&waiting, 1, -1) < 0 && errno != EINTR) give_up("inject: poll");
    if ((waiting.revents & POLLIN) != 0) {
      breaker.answer();
    } else if ((waiting.revents & POLLHUP) != 0) {
      return;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 7) {
    std::fputs("usage: inject FOLDER LOG CALL N FAULT PROGRAM…\n", stderr);
    return kUnusable;
  }
  Wanted wanted{argv[1], argv[3], argv[5]};
  const std::string_view number = argv[4];
  std::from_chars(number.data(), number.data() + number.size(), wanted.number);
  std::array<int, 2> sockets;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) != 0)
    give_up("inject: socketpair");
  const pid_t child = fork();
  if (child < 0) give_up("inject: fork");
  if (child == 0) {
    pass(sockets[1], install_filter());
    execvp(argv[6], argv + 6);
    give_up(argv[6]);
  }
  close(sockets[1]);
  serve(take(sockets[0]), wanted, argv[2]);
  int status = 0;
  if (waitpid(child, &status, 0) != child) give_up("inject: waitpid");
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
