#include "os/process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <string_view>
#include <utility>

#include "os/error.h"
#include "os/fd.h"
#include "os/wait_status.h"

namespace stele::os {
namespace {

constexpr std::string_view kDefaultPath = "/usr/local/bin:/usr/bin:/bin";

/// Where execvp(3) would look, worked out before fork: after it, nothing may allocate.
std::vector<std::string> candidates(const Command& command) {
  if (command.file.find('/') != std::string::npos) return {command.file};
  std::string_view path = kDefaultPath;
  for (const std::string& variable : command.environment) {
    if (variable.starts_with("PATH=")) path = std::string_view(variable).substr(5);
  }
  std::vector<std::string> found;
  for (size_t from = 0; from <= path.size() && !command.file.empty();) {
    const size_t to = std::min(path.find(':', from), path.size());
    const std::string_view folder = path.substr(from, to - from);
    found.push_back(std::string(folder.empty() ? "." : folder) + "/" + command.file);
    from = to + 1;
  }
  return found;
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (const std::string& text : strings) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

/// All that the child needs, made by the parent.
struct Prepared {
  std::vector<std::string> files;
  std::vector<char*> argv, environment;
  std::vector<char*> script_argv;  // "/bin/sh" FILE arguments…: for a script without #!
};

void default_signals() {
  struct sigaction plain{};
  plain.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &plain, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// Tries each file; the errno to report: that of a file that is there, rather than of one that is
/// not.
int execute(Prepared& prepared) {
  int reason = ENOENT;
  for (const std::string& file : prepared.files) {
    ::execve(file.c_str(), prepared.argv.data(), prepared.environment.data());
    if (errno == ENOEXEC) {
      prepared.script_argv[1] = const_cast<char*>(file.c_str());
      ::execve("/bin/sh", prepared.script_argv.data(), prepared.environment.data());
    }
    if (errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG) reason = errno;
    if (reason != ENOENT && reason != EACCES) break;
  }
  return reason;
}

constexpr int kReport = 3;
using Standard = std::array<int, kReport>;  // what become its descriptors 0, 1 and 2

bool lead_terminal(int terminal) { return ::setsid() >= 0 && ::ioctl(terminal, TIOCSCTTY, 0) == 0; }

bool lead_group() {
  return ::setpgid(0, 0) == 0 && ::prctl(PR_SET_PDEATHSIG, SIGHUP, 0, 0, 0) == 0;
}

/// Between fork and exec: system calls only. Tells the parent why through `report`.
[[noreturn]] void become_command(Prepared& prepared, Standard standard, bool is_terminal,
                                 int report) {
  default_signals();
  // Up and out of the way first: each may be among the numbers that are about to be replaced.
  report = ::fcntl(report, F_DUPFD, kReport + 1);
  bool ready = report >= 0;
  for (int& fd : standard) {
    fd = ::fcntl(fd, F_DUPFD, kReport + 1);
    ready = ready && fd >= 0;
  }
  ready = ready && (is_terminal ? lead_terminal(standard[0]) : lead_group()) &&
          ::dup3(report, kReport, O_CLOEXEC) == kReport;
  for (int fd = 0; fd < kReport && ready; ++fd)
    ready = ::dup2(standard[static_cast<size_t>(fd)], fd) == fd;
  ready = ready && ::close_range(kReport + 1, ~0U, 0) == 0;
  const int reason = ready ? execute(prepared) : errno;
  [[maybe_unused]] const ssize_t told = ::write(ready ? kReport : report, &reason, sizeof reason);
  ::_exit(127);
}

Result<std::array<Fd, 2>> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno("open", "a pipe");
  return std::array<Fd, 2>{Fd(ends[0]), Fd(ends[1])};
}

Result<pid_t> start(const Command& command, const Standard& standard, bool is_terminal) {
  std::string shell = "/bin/sh";
  Prepared prepared{candidates(command), pointers(command.argv), pointers(command.environment), {}};
  prepared.script_argv = {shell.data(), nullptr};
  if (prepared.argv.size() > 1) {
    prepared.script_argv.insert(prepared.script_argv.end(), prepared.argv.begin() + 1,
                                prepared.argv.end());
  } else {
    prepared.script_argv.push_back(nullptr);
  }
  TRY(auto reporting, make_pipe());
  const Fd from_child = std::move(reporting[0]);
  Fd to_parent = std::move(reporting[1]);

  const pid_t child = ::fork();
  if (child < 0) return fail_errno("start", command.file);
  if (child == 0) become_command(prepared, standard, is_terminal, to_parent.get());

  to_parent.reset();
  int reason = 0;
  if (retry([&] { return ::read(from_child.get(), &reason, sizeof reason); }) <= 0) return child;
  retry([&] { return ::waitpid(child, nullptr, 0); });
  return fail_errno("run", command.file, reason);
}

// Nothing if it still runs, which only WNOHANG lets it.
Result<std::optional<Ended>> wait_with(pid_t child, int options) {
  int status = 0;
  rusage usage{};
  const pid_t found = retry([&] { return ::wait4(child, &status, options, &usage); });
  if (found < 0) {
    return fail(Code::kNotFound, "wait for process " + std::to_string(child), errno);
  }
  if (found == 0) return std::nullopt;
  return ended_of(status, usage);
}

}  // namespace

Result<pid_t> spawn(const Command& command, int terminal) {
  return start(command, {terminal, terminal, terminal}, true);
}

Result<Piped> spawn_piped(const Command& command) {
  TRY(auto input, make_pipe());
  TRY(auto output, make_pipe());
  TRY(auto error, make_pipe());
  for (const Fd* ours : {&input[1], &output[0], &error[0]}) {
    if (::fcntl(ours->get(), F_SETFL, O_NONBLOCK) != 0) return fail_errno("prepare", "a pipe");
  }
  TRY(const pid_t child, start(command, {input[0].get(), output[1].get(), error[1].get()}, false));
  return Piped{child, {std::move(input[1]), std::move(output[0]), std::move(error[0])}};
}

Result<std::optional<Ended>> reap(pid_t child) { return wait_with(child, WNOHANG); }

Result<Ended> wait_for(pid_t child) {
  TRY(const auto ended, wait_with(child, 0));
  return *ended;
}

Status send_signal(pid_t process, int signal) {
  if (::kill(process, signal) != 0 && errno != ESRCH) {
    return fail_errno("signal", "process " + std::to_string(process));
  }
  return {};
}

uint64_t raise_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlim_t before = std::exchange(limit.rlim_cur, limit.rlim_max);
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

void occupy_standard_descriptors() {
  int fd = 0;
  do {
    fd = ::open("/dev/null", O_RDWR);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) ::close(fd);
}

Error become(const std::string& path, const std::vector<std::string>& argv) {
  const auto arguments = pointers(argv);
  ::execv(path.c_str(), arguments.data());
  return fail_errno("run", path).value();
}

bool is_this_program(const std::string& path) {
  struct stat there{};
  struct stat here{};
  return ::stat(path.c_str(), &there) == 0 && ::stat("/proc/self/exe", &here) == 0 &&
         there.st_dev == here.st_dev && there.st_ino == here.st_ino;
}

bool is_executable(const std::string& path) { return ::access(path.c_str(), X_OK) == 0; }

Result<std::string> sibling_path(const std::string& name) {
  std::string path(4096, '\0');
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  if (size < 0 || static_cast<size_t>(size) == path.size())
    return fail_errno("find this program's directory", "/proc/self/exe");
  path.resize(static_cast<size_t>(size));
  return path.substr(0, path.rfind('/') + 1) + name;
}

Error become_sibling(const std::string& name, const std::vector<std::string>& argv) {
  const auto path = sibling_path(name);
  return path ? become(*path, argv) : path.error();
}

std::vector<std::string> environment() {
  std::vector<std::string> variables;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    variables.emplace_back(*variable);
  }
  return variables;
}

void set_variable(const std::string& name, const std::string& value) {
  ::setenv(name.c_str(), value.c_str(), 1);
}

}  // namespace stele::os
