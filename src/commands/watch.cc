#include "commands/watch.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <set>
#include <thread>

#include "base/check.h"
#include "commands/kernel_object.h"
#include "commands/kernel_record.h"
#include "os/hardening.h"
#include "os/pty.h"
#include "os/thread.h"
#include "os/wake.h"

namespace stele::commands {
namespace {

// What a session that is followed executes is told after so long at the latest, and what others do.
constexpr Micros kLookEvery = std::chrono::milliseconds(100);
constexpr Micros kLookForOthersEvery = std::chrono::seconds(1);

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

  Status load();
  Status begin();
  Status map_of(const char* name, int& fd) const;
  Status attach();
  Status put(uint32_t pid, uint64_t session, bool is_recorder);
  Status put_tree(uint32_t pid, uint64_t session);
  void consume();
  void run();
  static int take(void* parts, void* record, size_t bytes);

  const Sink sink;
  std::unique_ptr<bpf_object, CloseObject> object;
  std::vector<std::unique_ptr<bpf_link, CloseLink>> links;
  int tracked = -1, lost = -1, terminals = -1;  // the object's
  std::mutex mutex;                             // of the ring's reading end, and the sink
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

Status Watch::Parts::load() {
  if (!os::sees_kernel_pids())
    return fail(Code::kUnsupported,
                "this is a PID namespace of its own, and the kernel numbers processes otherwise");
  libbpf_set_print(nullptr);
  const ByteSpan bytes = kernel_object();
  object.reset(bpf_object__open_mem(bytes.data(), bytes.size(), nullptr));
  if (!object) return failed("the programs can not be read", errno);
  if (const int error = bpf_object__load(object.get()); error != 0)
    return failed("the kernel does not take the programs", -error);
  TRY_VOID(map_of("tracked", tracked));
  TRY_VOID(map_of("lost", lost));
  TRY_VOID(map_of("terminals", terminals));
  int records = -1;
  TRY_VOID(map_of("records", records));
  ring.reset(ring_buffer__new(records, take, this, nullptr));
  if (!ring) return failed("the ring buffer can not be mapped", errno);
  return {};
}

Status Watch::Parts::attach() {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object.get()) {
    links.emplace_back(bpf_program__attach(program));
    if (!links.back()) return failed("the programs can not be attached", errno);
  }
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

Watch::~Watch() {
  if (!parts_->thread.joinable()) return;
  parts_->stopping = true;
  parts_->woken->wake();
  parts_->thread.join();
}

Result<std::unique_ptr<Watch>> Watch::start(Sink sink, const std::vector<Known>& known) {
  std::unique_ptr<Watch> watch(new Watch(std::make_unique<Parts>(std::move(sink))));
  Parts& parts = *watch->parts_;
  // Once before the programs run, and once more for whom they made meanwhile.
  const auto put_known = [&]() -> Status {
    for (const Known& each : known) TRY_VOID(parts.put_tree(each.pid, each.session));
    return {};
  };
  Status loaded = parts.load();
  if (loaded) loaded = put_known();
  if (loaded) loaded = parts.attach();
  TRY_VOID(os::give_up_kernel_programs());
  TRY_VOID(loaded);
  TRY_VOID(put_known());
  TRY_VOID(parts.begin());
  return watch;
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
  if (bpf_map_update_elem(parts_->lost, &session, &none, BPF_ANY) != 0)
    return fail(Code::kLimit, "too many sessions are followed", errno);
  return parts_->put_tree(pid, session);
}

void Watch::forget(uint64_t session) {
  --parts_->sessions;
  (void)bpf_map_delete_elem(parts_->lost, &session);
}

bool Watch::follows(uint32_t pid) const {
  FollowedProcess followed{};
  return bpf_map_lookup_elem(parts_->tracked, &pid, &followed) == 0;
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

}  // namespace stele::commands
