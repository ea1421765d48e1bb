// pty_drive: runs a command on a fresh pty as its terminal would, and measures it. Results are one
// JSON line.
//
//   pty_drive run     [--marker STR] [--save FILE] -- CMD...   drain the master as fast as possible
//   until the end pty_drive latency [-n N] [--gap-us G] [--ready STR] [--line-kill] -- CMD... [---
//   CMD...]...
//                                                             keystroke -> echo round trips, one at
//                                                             a time
//
// run:     wall = fork to the last descendant reaped; first = fork to the first byte (or to
// MARKER's first byte);
//          cpu = every descendant (orphans too: we are their subreaper); maxrss = the largest
//          single process; busy = CPU seconds of the whole machine (kernel threads that move pty
//          buffers are charged to nobody).
// latency: each command is a session of its own. Waits for READY, then types one letter, waits
// until that letter comes
//          back, sleeps about G, types one into the next session, and so on; N letters into each.
//          --line-kill sends ^U (untimed) every 40 letters, for a readline shell.
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <vector>

using Clock = std::chrono::steady_clock;

static double since(Clock::time_point t0) {
  return std::chrono::duration<double>(Clock::now() - t0).count();
}

[[noreturn]] static void die(const char* what) {
  std::fprintf(stderr, "pty_drive: %s: %s\n", what, std::strerror(errno));
  std::exit(2);
}

// Non-idle CPU seconds of the whole machine since boot.
static double machine_busy() {
  FILE* f = std::fopen("/proc/stat", "r");
  unsigned long long v[8] = {};
  if (!f || std::fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", v, v + 1, v + 2, v + 3,
                        v + 4, v + 5, v + 6, v + 7) != 8)
    die("/proc/stat");
  std::fclose(f);
  return double(v[0] + v[1] + v[2] + v[5] + v[6]) / double(sysconf(_SC_CLK_TCK));
}

struct Child {
  pid_t pid;
  int master;
  int pidfd;
  Clock::time_point t0;
};

static Child spawn(char** argv) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  winsize ws{24, 80, 0, 0};
  Child c{};
  c.t0 = Clock::now();
  c.pid = forkpty(&c.master, nullptr, nullptr, &ws);
  if (c.pid < 0) die("forkpty");
  if (c.pid == 0) {
    signal(SIGHUP, SIG_DFL);  // whoever started us under nohup
    execvp(argv[0], argv);
    std::perror(argv[0]);
    _exit(127);
  }
  c.pidfd = int(syscall(SYS_pidfd_open, c.pid, 0));
  if (c.pidfd < 0) die("pidfd_open");
  fcntl(c.master, F_SETFL, O_NONBLOCK);
  fcntl(c.master, F_SETFD, FD_CLOEXEC);
  return c;
}

static int reap_all(pid_t main_child) {
  int main_status = -1, status;
  for (pid_t p; (p = wait(&status)) > 0 || (p < 0 && errno == EINTR);)
    if (p == main_child)
      main_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return main_status;
}

static int run(char** argv, const std::string& marker, const char* save) {
  std::vector<char> buf(1 << 16);
  int out = save ? open(save, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
  if (save && out < 0) die(save);
  double busy0 = machine_busy(), first = -1;
  std::uint64_t bytes = 0;
  std::string tail;  // the last bytes seen, while the marker is still looked for
  Child c = spawn(argv);
  for (bool exited = false;;) {
    ssize_t n = read(c.master, buf.data(), buf.size());
    if (n > 0) {
      bytes += std::uint64_t(n);
      if (first < 0) {
        if (marker.empty())
          first = since(c.t0);
        else {
          tail.append(buf.data(), std::size_t(n));
          if (tail.find(marker) != tail.npos)
            first = since(c.t0);
          else if (tail.size() > marker.size())
            tail.erase(0, tail.size() - marker.size());
        }
      }
      if (out >= 0 && write(out, buf.data(), std::size_t(n)) != n) die("save");
      continue;
    }
    if (n == 0 || (n < 0 && errno == EIO))
      break;  // every slave descriptor is closed and all is read
    if (errno != EAGAIN && errno != EINTR) die("read");
    if (exited) break;
    pollfd p[2] = {{c.master, POLLIN, 0}, {c.pidfd, POLLIN, 0}};
    poll(p, 2, -1);
    exited = p[1].revents != 0;
  }
  double drained = since(c.t0);
  int status = reap_all(c.pid);
  double wall = since(c.t0);
  rusage ch, me;
  getrusage(RUSAGE_CHILDREN, &ch);
  getrusage(RUSAGE_SELF, &me);
  auto sec = [](timeval t) { return double(t.tv_sec) + double(t.tv_usec) * 1e-6; };
  std::printf(
      "{\"wall\":%.6f,\"drained\":%.6f,\"first\":%.6f,\"bytes\":%llu,\"user\":%.6f,\"sys\":%.6f,"
      "\"maxrss_kb\":%ld,"
      "\"drain_cpu\":%.6f,\"busy\":%.2f,\"status\":%d}\n",
      wall, drained, first, static_cast<unsigned long long>(bytes), sec(ch.ru_utime),
      sec(ch.ru_stime), ch.ru_maxrss, sec(me.ru_utime) + sec(me.ru_stime), machine_busy() - busy0,
      status);
  return 0;
}

static std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> found;
  std::string path = "/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children";
  if (FILE* f = std::fopen(path.c_str(), "r")) {
    for (int child; std::fscanf(f, "%d", &child) == 1;) found.push_back(child);
    std::fclose(f);
  }
  return found;
}

// Reads until `want` shows up (true), or until `quiet_ms` pass without output (false).
static bool read_until(int fd, const std::string& want, int quiet_ms) {
  std::string seen;
  char buf[4096];
  for (;;) {
    pollfd p{fd, POLLIN, 0};
    if (poll(&p, 1, quiet_ms) == 0) return false;
    ssize_t n = read(fd, buf, sizeof buf);
    if (n < 0 && errno == EAGAIN) continue;
    if (n <= 0) die("the command ended early");
    seen.append(buf, std::size_t(n));
    if (!want.empty() && seen.find(want) != seen.npos) return true;
  }
}

// Every command has a session of its own, all alive at once; each round types one letter into each,
// in a random order. So neighbouring keystrokes of different commands are milliseconds apart, and a
// noisy moment meets them all alike.
static int latency(const std::vector<char**>& commands, int rounds, int gap_us,
                   const std::string& ready, bool line_kill) {
  struct Session {
    Child child;
    std::vector<double> us;
    int lost = 0;
  };
  std::vector<Session> sessions;
  for (char** argv : commands) {
    sessions.push_back({spawn(argv), {}});
    if (!read_until(sessions.back().child.master, ready, 20000)) die("READY never came");
  }
  for (Session& s : sessions) read_until(s.child.master, "", 400);
  std::mt19937 rng(1);
  std::uniform_int_distribution<int> gap(gap_us / 2, gap_us + gap_us / 2);
  std::vector<std::size_t> order(sessions.size());
  std::iota(order.begin(), order.end(), std::size_t(0));
  for (int i = 0; i < rounds; i++) {
    if (line_kill && i && i % 40 == 0) {
      for (Session& s : sessions)
        if (write(s.child.master, "\x15", 1) != 1) die("write");
      for (Session& s : sessions) read_until(s.child.master, "", 30);
    }
    std::shuffle(order.begin(), order.end(), rng);
    for (std::size_t k : order) {
      Session& s = sessions[k];
      std::string key(1, char('a' + i % 26));
      auto t = Clock::now();
      if (write(s.child.master, key.data(), 1) != 1) die("write");
      if (read_until(s.child.master, key, 2000))
        s.us.push_back(since(t) * 1e6);
      else
        s.lost++;
      usleep(useconds_t(gap(rng)));
    }
  }
  std::printf("[");
  for (std::size_t k = 0; k < sessions.size(); k++) {
    std::printf("%s{\"lost\":%d,\"us\":[", k ? "," : "", sessions[k].lost);
    for (std::size_t i = 0; i < sessions[k].us.size(); i++)
      std::printf("%s%.1f", i ? "," : "", sessions[k].us[i]);
    std::printf("]}");
  }
  std::printf("]\n");
  std::fflush(stdout);
  for (Session& s : sessions) {
    kill(s.child.pid, SIGTERM);
    close(s.child.master);
  }
  // script(1) outlives its terminal, and what a killed recorder leaves behind becomes our child.
  for (int i = 0; waitpid(-1, nullptr, WNOHANG) >= 0; i++) {
    if (i > 300)
      for (pid_t child : children_of(getpid())) kill(child, SIGKILL);
    usleep(10000);
  }
  return 0;
}

int main(int argc, char** argv) {
  std::string mode = argc > 1 ? argv[1] : "", marker, ready = "READY";
  const char* save = nullptr;
  int n = 5000, gap_us = 1000, i = 2;
  bool line_kill = false;
  for (; i < argc && std::strcmp(argv[i], "--"); i++) {
    std::string a = argv[i];
    auto value = [&] { return i + 1 < argc ? argv[++i] : const_cast<char*>(""); };
    if (a == "--marker")
      marker = value();
    else if (a == "--save")
      save = value();
    else if (a == "-n")
      n = std::atoi(value());
    else if (a == "--gap-us")
      gap_us = std::atoi(value());
    else if (a == "--ready")
      ready = value();
    else if (a == "--line-kill")
      line_kill = true;
    else
      break;
  }
  if (i + 1 >= argc || std::strcmp(argv[i], "--") || (mode != "run" && mode != "latency")) {
    std::fprintf(stderr, "usage: pty_drive run|latency [OPTIONS] -- CMD...\n");
    return 2;
  }
  if (mode == "run") return run(argv + i + 1, marker, save);
  std::vector<char**> commands{argv + i + 1};
  for (int k = i + 1; k < argc; k++)
    if (!std::strcmp(argv[k], "---")) {
      argv[k] = nullptr;
      commands.push_back(argv + k + 1);
    }
  return latency(commands, n, gap_us, ready, line_kill);
}
