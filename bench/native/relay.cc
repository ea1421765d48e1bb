// relay: the smallest pty proxy, recording nothing: the floor that any recorder which owns a pty
// stands on.
//
//   relay [--splice] [--tee FILE] -- CMD...
//
// --splice moves output with splice(2) through a pipe; --tee appends the raw output to FILE (never
// synced).
#include <fcntl.h>
#include <pty.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

static termios saved;

static void restore() { tcsetattr(0, TCSADRAIN, &saved); }

static bool write_all(int fd, const char* p, ssize_t n) {
  while (n > 0) {
    ssize_t w = write(fd, p, std::size_t(n));
    if (w < 0 && errno == EINTR) continue;
    if (w < 0) return false;
    p += w;
    n -= w;
  }
  return true;
}

int main(int argc, char** argv) {
  bool splicing = false;
  int tee = -1, i = 1;
  for (; i < argc && std::strcmp(argv[i], "--"); i++) {
    if (!std::strcmp(argv[i], "--splice"))
      splicing = true;
    else if (!std::strcmp(argv[i], "--tee") && i + 1 < argc)
      tee = open(argv[++i], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
  }
  if (i + 1 >= argc) return 2;
  winsize ws{24, 80, 0, 0};
  ioctl(0, TIOCGWINSZ, &ws);
  bool tty = tcgetattr(0, &saved) == 0;
  int master;
  pid_t pid = forkpty(&master, nullptr, tty ? &saved : nullptr, &ws);
  if (pid < 0) return 2;
  if (pid == 0) {
    execvp(argv[i + 1], argv + i + 1);
    _exit(127);
  }
  if (tty) {
    termios raw = saved;
    cfmakeraw(&raw);
    tcsetattr(0, TCSADRAIN, &raw);
    std::atexit(restore);
  }
  int ep = epoll_create1(EPOLL_CLOEXEC), pipefd[2];
  if (splicing && pipe2(pipefd, O_CLOEXEC)) return 2;
  for (int fd : {0, master}) {
    epoll_event ev{};
    ev.events = EPOLLIN;
    ev.data.fd = fd;
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
  }
  static char buf[1 << 16];
  for (bool open = true; open;) {
    epoll_event ev[2];
    int n = epoll_wait(ep, ev, 2, -1);
    for (int k = 0; k < n && open; k++) {
      if (ev[k].data.fd == 0) {
        ssize_t r = read(0, buf, sizeof buf);
        if (r <= 0)
          epoll_ctl(ep, EPOLL_CTL_DEL, 0, nullptr);
        else
          open = write_all(master, buf, r);
      } else if (splicing) {
        ssize_t r = splice(master, nullptr, pipefd[1], nullptr, sizeof buf, SPLICE_F_MOVE);
        open = r > 0;
        while (r > 0) {
          ssize_t w = splice(pipefd[0], nullptr, 1, nullptr, std::size_t(r), SPLICE_F_MOVE);
          if (w <= 0) return 1;
          r -= w;
        }
      } else {
        ssize_t r = read(master, buf, sizeof buf);
        open = r > 0 && write_all(1, buf, r);
        if (open && tee >= 0 && !write_all(tee, buf, r)) return 1;
      }
    }
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
