#include "commands/watch.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "base/check.h"
#include "commands/kernel_object.h"
#include "commands/kernel_record.h"
#include "os/hardening.h"
#include "os/peer.h"
#include "os/pty.h"
#include "os/thread.h"
#include "os/wake.h"

namespace stele::commands {
namespace {

// What a session that is followed executes is told after so long at the latest, and what others do.
constexpr Micros kLookEvery = std::chrono::milliseconds(100);
constexpr Micros kLookForOthersEvery = std::chrono::seconds(1);

constexpr const char* kForwards = "on_socket";  // the program that may be missing

struct CloseObject {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
struct CloseLink {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
struct CloseRing {
  void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
};

tl::unexpected<Error> failed(const char* what, int error) {
  const bool denied = error == EPERM || error == EACCES;
  return fail(denied ? Code::kPermission : Code::kUnsupported,
              std::string("following what is executed: ") + what, error);
}

}  // namespace

struct Watch::Parts {
  explicit Parts(Sink to) : sink(std::move(to)) {}

  Status start(const std::vector<Known>& known, const Pins* pins);
  Status start_anew(const std::vector<Known>& known);
  Status go_on(const Pins& pins);
  Status pin(const Pins& pins);
  Status put_all(const std::vector<Known>& known);
  Status read_ring(int records);
  Status load();
  Status load_programs(bool with_forwards);
  Status begin();
  Status map_of(const char* name, int& fd) const;
  Status attach();
  Status put(uint32_t pid, uint64_t session, bool is_recorder);
  Status put_tree(uint32_t pid, uint64_t session);
  void consume();
  void run();
  void end();
  static int take(void* parts, void* record, size_t bytes);

  const Sink sink;
  std::unique_ptr<bpf_object, CloseObject> object;
  std::map<std::string, std::unique_ptr<bpf_link, CloseLink>> links;  // by their programs' names
  std::vector<os::Fd> pinned;                                         // in place of these two
  int tracked = -1, lost = -1, terminals = -1, stopped = -1;          // maps, of either
  Before before = Before::kNothing;
  std::string no_forwards;  // why; empty: they are told
  std::mutex mutex;         // of the ring's reading end, and the sink
  std::unique_ptr<ring_buffer, CloseRing> ring;
  std::optional<os::Wake> woken;
  std::atomic<size_t> sessions = 0;
  std::atomic<bool> stopping = false;
  std::thread thread;
};

Status Watch::Parts::map_of(const char* name, int& fd) const {
  fd = bpf_object__find_map_fd_by_name(object.get(), name);
  return fd < 0 ? Status(failed(name, -fd)) : Status();
}

Status Watch::Parts::load_programs(bool with_forwards) {
  const ByteSpan bytes = kernel_object();
  object.reset(bpf_object__open_mem(bytes.data(), bytes.size(), nullptr));
  if (!object) return failed("the programs can not be read", errno);
  if (!with_forwards)
    bpf_program__set_autoload(bpf_object__find_program_by_name(object.get(), kForwards), false);
  const int error = bpf_object__load(object.get());
  return error == 0 ? Status() : failed("the kernel does not take the programs", -error);
}

// A kernel that lacks what forwards are told by has the other programs all the same.
Status Watch::Parts::load() {
  if (const Status all = load_programs(true); !all) {
    TRY_VOID(load_programs(false));
    no_forwards = Error{Code::kUnsupported, "the kernel does not take the program that tells it",
                        all.error().sys_errno}
                      .message();
  }
  TRY_VOID(map_of("tracked", tracked));
  TRY_VOID(map_of("lost", lost));
  TRY_VOID(map_of("terminals", terminals));
  TRY_VOID(map_of("stopped", stopped));
  int records = -1;
  TRY_VOID(map_of("records", records));
  return read_ring(records);
}

Status Watch::Parts::read_ring(int records) {
  ring.reset(ring_buffer__new(records, take, this, nullptr));
  if (!ring) return failed("the ring buffer can not be mapped", errno);
  return {};
}

Status Watch::Parts::attach() {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object.get()) {
    const std::string name = bpf_program__name(program);
    if (!bpf_program__autoload(program)) continue;
    std::unique_ptr<bpf_link, CloseLink> link(bpf_program__attach(program));
    const Status attached =
        link ? Status() : Status(failed("the programs can not be attached", errno));
    if (!attached && name != kForwards) return attached;
    if (attached)
      links[name] = std::move(link);
    else
      no_forwards = attached.error().message();
  }
  const uint64_t key = KERNEL_FORWARDS, none = 0;
  (void)bpf_map_update_elem(lost, &key, &none, BPF_NOEXIST);
  return {};
}

Status Watch::Parts::begin() {
  TRY(woken, os::Wake::make());
  TRY(thread, os::start_thread([this] { run(); }));
  return {};
}

int Watch::Parts::take(void* parts, void* record, size_t bytes) {
  const auto seen = parse_record({static_cast<const uint8_t*>(record), bytes}, os::terminal_of);
  CHECK(seen);  // this build's own programs wrote it
  static_cast<Parts*>(parts)->sink(*seen);
  return 0;
}

void Watch::Parts::consume() {
  const std::lock_guard lock(mutex);
  (void)ring_buffer__consume(ring.get());
}

void Watch::Parts::run() {
  for (;;) {
    std::array<os::Readiness, 2> set = {{
        {.fd = ring_buffer__epoll_fd(ring.get()), .want_read = true},
        {.fd = woken->fd(), .want_read = true},
    }};
    os::wait_until_ready(set, sessions > 0 ? kLookEvery : kLookForOthersEvery);
    if (stopping) return;
    if (set[1].can_read) woken->clear();
    consume();
  }
}

Watch::Watch(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Watch::~Watch() { parts_->end(); }

void Watch::Parts::end() {
  if (!thread.joinable()) return;
  stopping = true;
  woken->wake();
  thread.join();
}

Result<std::unique_ptr<Watch>> Watch::start(Sink sink, const std::vector<Known>& known,
                                            const Pins* pins) {
  std::unique_ptr<Watch> watch(new Watch(std::make_unique<Parts>(std::move(sink))));
  TRY_VOID(watch->parts_->start(known, pins));
  TRY_VOID(os::give_up_watching());
  TRY_VOID(watch->parts_->begin());
  return watch;
}

// What can not be gone on with is taken away, and what can not be pinned goes with this process.
Status Watch::Parts::start(const std::vector<Known>& known, const Pins* pins) {
  if (!os::sees_kernel_pids())
    return fail(Code::kUnsupported,
                "this is a PID namespace of its own, and the kernel numbers processes otherwise");
  libbpf_set_print(nullptr);
  if (pins != nullptr && pins->is_whole() && go_on(*pins)) return {};
  if (pins != nullptr) pins->clear();
  pinned.clear();
  TRY_VOID(start_anew(known));
  if (pins != nullptr && !pin(*pins)) pins->clear();
  return {};
}

// Followed once before the programs run, and once more for whom they made meanwhile.
Status Watch::Parts::start_anew(const std::vector<Known>& known) {
  TRY_VOID(load());
  TRY_VOID(put_all(known));
  TRY_VOID(attach());
  return put_all(known);
}

Status Watch::Parts::put_all(const std::vector<Known>& known) {
  for (const Known& each : known) TRY_VOID(put_tree(each.pid, each.session));
  return {};
}

Status Watch::Parts::go_on(const Pins& pins) {
  int records = -1;
  for (const auto& [name, to] : {std::pair("tracked", &tracked), std::pair("lost", &lost),
                                 std::pair("terminals", &terminals), std::pair("stopped", &stopped),
                                 std::pair("records", &records)}) {
    *to = bpf_obj_get(pins.path(name).c_str());
    if (*to < 0) return failed("what was pinned can not be had", errno);
    pinned.emplace_back(*to);
  }
  TRY_VOID(read_ring(records));
  if (!pins.has(kForwards)) no_forwards = "the kernel did not take the program for it";
  const uint32_t only = 0, no = 0;
  uint32_t was_stopped = 0;
  (void)bpf_map_lookup_elem(stopped, &only, &was_stopped);
  (void)bpf_map_update_elem(stopped, &only, &no, BPF_ANY);
  before = was_stopped != 0 ? Before::kStopped : Before::kKilled;
  return {};
}

Status Watch::Parts::pin(const Pins& pins) {
  TRY_VOID(pins.make());
  for (const char* name : {"tracked", "lost", "terminals", "stopped", "records"}) {
    bpf_map* map = bpf_object__find_map_by_name(object.get(), name);
    if (const int error = bpf_map__pin(map, pins.path(name).c_str()); error != 0)
      return failed("a map can not be pinned", -error);
  }
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object.get()) {
    const auto link = links.find(bpf_program__name(program));
    if (link == links.end()) continue;
    const std::string path = pins.path(link->first);
    if (const int error = bpf_link__pin(link->second.get(), path.c_str()); error != 0)
      return failed("a program can not be pinned", -error);
  }
  return {};
}

std::string Watch::no_forwards() const { return parts_->no_forwards; }

Watch::Before Watch::before() const { return parts_->before; }

void Watch::stop() {
  parts_->end();
  const uint32_t only = 0, yes = 1;
  (void)bpf_map_update_elem(parts_->stopped, &only, &yes, BPF_ANY);
}

// The recorder has executed before it was followed, and so have those whom it had made.
Status Watch::Parts::put(uint32_t pid, uint64_t session, bool is_recorder) {
  const FollowedProcess followed{.session = session,
                                 .last = {},
                                 .knows_last = 0,
                                 .has_executed = !is_recorder,
                                 .is_recorder = is_recorder};
  if (bpf_map_update_elem(tracked, &pid, &followed, BPF_ANY) != 0)
    return fail(Code::kLimit, "too many processes are followed", errno);
  return {};
}

// What a process makes is followed from when the process is: so it is put in first, and whom it had
// made before is looked for until nobody new is found.
Status Watch::Parts::put_tree(uint32_t pid, uint64_t session) {
  TRY_VOID(put(pid, session, true));
  std::set<uint32_t> known;
  for (bool is_new = true; is_new;) {
    is_new = false;
    for (const uint32_t child : os::descendants_of(pid)) {
      if (!known.insert(child).second) continue;
      is_new = true;
      TRY_VOID(put(child, session, false));
    }
  }
  return {};
}

Status Watch::follow(uint32_t pid, uint64_t session) {
  if (++parts_->sessions == 1) parts_->woken->wake();
  const uint64_t none = 0;
  if (bpf_map_update_elem(parts_->lost, &session, &none, BPF_NOEXIST) != 0 && errno != EEXIST)
    return fail(Code::kLimit, "too many sessions are followed", errno);
  FollowedProcess followed{};
  if (bpf_map_lookup_elem(parts_->tracked, &pid, &followed) == 0 && followed.session == session)
    return {};  // it is already
  return parts_->put_tree(pid, session);
}

void Watch::leave() { --parts_->sessions; }

void Watch::forget(uint64_t session) { (void)bpf_map_delete_elem(parts_->lost, &session); }

std::optional<Watch::Followed> Watch::followed(uint32_t pid) const {
  FollowedProcess found{};
  if (bpf_map_lookup_elem(parts_->tracked, &pid, &found) != 0) return std::nullopt;
  return Followed{found.session, found.is_recorder != 0};
}

void Watch::forget_terminal(const OnTerminal& terminal) {
  const TerminalKey key{terminal.audit_session, terminal.terminal};
  (void)bpf_map_delete_elem(parts_->terminals, &key);
}

void Watch::settle() { parts_->consume(); }

uint64_t Watch::take_lost(uint64_t session) {
  uint64_t count = 0;
  if (bpf_map_lookup_elem(parts_->lost, &session, &count) != 0 || count == 0) return 0;
  const uint64_t none = 0;
  (void)bpf_map_update_elem(parts_->lost, &session, &none, BPF_EXIST);
  return count;
}

uint64_t Watch::take_lost_forwards() { return take_lost(KERNEL_FORWARDS); }

}  // namespace stele::commands
