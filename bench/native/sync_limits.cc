// sync_limits: what durable appends cost on this disk. One JSON line: operations/s, MB/s and
// latency percentiles (µs).
//
//   sync_limits DIR append BYTES SECONDS            one writer: append BYTES, fdatasync, again
//   sync_limits DIR overwrite BYTES SECONDS         the same into a file whose blocks are already
//   written sync_limits DIR files N BYTES SECONDS           N writers, each with a file of its own,
//   each fdatasyncing sync_limits DIR group N BYTES SECONDS           N writers submit to one
//   committer: one writev, one fdatasync for all
//                                                  that waits; a writer goes on when its own record
//                                                  is durable
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using Clock = std::chrono::steady_clock;
static double us(Clock::time_point a, Clock::time_point b) {
  return std::chrono::duration<double, std::micro>(b - a).count();
}

static void check(bool ok, const char* what) {
  if (ok) return;
  std::perror(what);
  std::exit(2);
}

static int create(const std::string& path) {
  int fd = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  check(fd >= 0, "open");
  return fd;
}

static void report(std::vector<double> lat, std::size_t bytes, double seconds, std::size_t syncs) {
  std::sort(lat.begin(), lat.end());
  auto p = [&](double q) {
    return lat.empty() ? 0.0 : lat[std::min(lat.size() - 1, std::size_t(q * double(lat.size())))];
  };
  std::printf("{\"ops\":%.1f,\"mbs\":%.2f,\"syncs\":%.1f,\"p50\":%.0f,\"p99\":%.0f,\"max\":%.0f}\n",
              double(lat.size()) / seconds, double(lat.size() * bytes) / seconds / 1e6,
              double(syncs) / seconds, p(.5), p(.99), lat.empty() ? 0.0 : lat.back());
}

static std::vector<double> writer(int fd, std::size_t bytes, double seconds, bool wrap) {
  std::vector<char> data(bytes, 'x');
  std::vector<double> lat;
  const off_t area = 64 << 20;
  if (wrap) {
    std::vector<char> zero(1 << 20);
    for (off_t at = 0; at < area; at += off_t(zero.size()))
      check(pwrite(fd, zero.data(), zero.size(), at) > 0, "fill");
    check(fdatasync(fd) == 0, "fdatasync");
  }
  off_t at = 0;
  for (auto begun = Clock::now(); us(begun, Clock::now()) < seconds * 1e6;) {
    auto t = Clock::now();
    check(pwrite(fd, data.data(), bytes, at) == ssize_t(bytes), "write");
    check(fdatasync(fd) == 0, "fdatasync");
    lat.push_back(us(t, Clock::now()));
    at += off_t(bytes);
    if (wrap && at + off_t(bytes) > area) at = 0;
  }
  return lat;
}

int main(int argc, char** argv) {
  if (argc < 5) return std::fprintf(stderr, "usage: see the source's head\n"), 2;
  std::string dir = argv[1], mode = argv[2];
  bool many = mode == "files" || mode == "group";
  std::size_t n = many ? std::size_t(std::atol(argv[3])) : 1,
              bytes = std::size_t(std::atol(argv[many ? 4 : 3]));
  double seconds = std::atof(argv[argc - 1]);
  std::vector<std::vector<double>> lat(n);
  std::vector<std::thread> threads;
  auto path = [&](std::size_t i) { return dir + "/sync_limits." + std::to_string(i); };
  std::size_t syncs = 0;
  if (mode != "group") {
    for (std::size_t i = 0; i < n; i++)
      threads.emplace_back([&, i] {
        int fd = create(path(i));
        lat[i] = writer(fd, bytes, seconds, mode == "overwrite");
        close(fd);
      });
  } else {
    std::mutex m;
    std::condition_variable work, durable;
    std::vector<char> batch;
    std::size_t submitted = 0, committed = 0;  // counts of records
    bool stop = false;
    for (std::size_t i = 0; i < n; i++)
      threads.emplace_back([&, i] {
        std::vector<char> data(bytes, char('a' + i % 26));
        for (auto begun = Clock::now(); us(begun, Clock::now()) < seconds * 1e6;) {
          auto t = Clock::now();
          std::unique_lock l(m);
          batch.insert(batch.end(), data.begin(), data.end());
          std::size_t mine = ++submitted;
          work.notify_one();
          durable.wait(l, [&] { return committed >= mine; });
          l.unlock();
          lat[i].push_back(us(t, Clock::now()));
        }
      });
    std::thread committer([&] {
      int fd = create(path(0));
      std::vector<char> taken;
      for (;;) {
        std::unique_lock l(m);
        work.wait(l, [&] { return stop || !batch.empty(); });
        if (batch.empty()) break;
        taken.clear();
        taken.swap(batch);
        std::size_t upto = submitted;
        l.unlock();
        check(write(fd, taken.data(), taken.size()) == ssize_t(taken.size()), "write");
        check(fdatasync(fd) == 0, "fdatasync");
        syncs++;
        l.lock();
        committed = upto;
        durable.notify_all();
      }
      close(fd);
    });
    for (auto& t : threads) t.join();
    threads.clear();
    {
      std::lock_guard l(m);
      stop = true;
    }
    work.notify_one();
    committer.join();
  }
  for (auto& t : threads) t.join();
  std::vector<double> all;
  for (auto& v : lat) all.insert(all.end(), v.begin(), v.end());
  report(all, bytes, seconds, mode == "group" ? syncs : all.size());
  for (std::size_t i = 0; i < n; i++) unlink(path(i).c_str());
}
