// Service: what a server does with requests, over the ledger it owns (docs/formats/api.md).
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "http/server.h"
#include "ledger/policy_history.h"
#include "ledger/recipients_store.h"
#include "logsrv/ingest.h"
#include "server/authority.h"
#include "server/checkpoint_memory.h"
#include "server/heartbeats.h"
#include "server/own_stream.h"
#include "server/reading.h"
#include "server/registry.h"
#include "server/scrubber.h"
#include "server/silences.h"
#include "server/storage.h"
#include "server/workers.h"

namespace stele::server {

struct ServiceOptions {
  size_t workers = 2;
  size_t waiting_max = 1024;                       // requests that wait for a worker
  std::string configuration;                       // in one line, for the server's own stream
  Micros silent_after = std::chrono::seconds(60);  // a host that said nothing for longer is silent
  Micros scrub_every{0};                           // all is read again as often; 0: not by itself
  std::unique_ptr<Storage> storage = nullptr;      // nullptr: the directory
};

/// Threads: "sequencer", "publisher" and the workers. handle() may be called from any.
class Service {
 public:
  /// Opens the ledger in the directory, which `stele init` made, and covers what it holds.
  static Result<std::unique_ptr<Service>> open(os::FileSystem& files, const ledger::Layout& layout,
                                               Clock& clock, RandomSource random,
                                               ServiceOptions options);
  /// Answers what was taken, and stops.
  ~Service();

  void handle(http::Request request, http::Reply reply);
  /// How much body a request may have, by its head.
  static size_t body_bytes_for(const http::Request& head);

  const Authority& authority() const { return authority_; }
  const std::string& origin() const { return origin_; }
  /// Why nothing is committed any more: the process is to end, and the next one to look at the
  /// disk.
  std::optional<Error> failure() const;
  /// Which of its threads has been at one step for longer than kStepMax; empty: none. One thread at
  /// a time, every second or so.
  std::string_view stuck();
  static constexpr Micros kStepMax = std::chrono::minutes(1);
  /// For GET /metrics; what the HTTP server counts comes from there.
  void set_http_counts(std::function<http::Counts()> counts) { http_counts_ = std::move(counts); }

 private:
  Service(os::FileSystem& files, ledger::Layout layout, Clock& clock, RandomSource random,
          std::string origin, Authority authority);
  Status start(ServiceOptions options);
  Status admit();
  Status admit_locked();
  void look_at_recipients();
  void look_at_policy();
  uint32_t retain_until(uint8_t retention_class, WallTime received) const;
  std::shared_ptr<const ledger::SignedRecipients> recipients() const;
  void publish_until_stopped();
  Status remember_published();
  void doubt_checkpoint(const std::string& host, const wire::Heartbeat& heartbeat);

  void take_segments(http::Request request, http::Reply reply);
  void take_heartbeat(http::Request request, http::Reply reply);
  Result<Bytes> heartbeat_now(const http::Request& request);
  Status await_heartbeats(Micros silent_after);
  Status tell_of_silence(const Heartbeats::Silence& silence);
  void enrol(http::Request request, http::Reply reply);
  Result<std::string> enrol_now(const http::Request& request);
  void renew(http::Request request, http::Reply reply);
  Result<std::string> renew_now(const http::Request& request);
  void give_recipients(http::Request request, http::Reply reply);
  void read(const FoundRoute& found, http::Request request, http::Reply reply);
  Result<std::string> known_host(const http::Request& request) const;
  /// Whether the registry knows it, as it was at most a second ago.
  Status check_known(const std::string& host) const;
  std::string host_of(const segment::HostKeyId& key) const;
  void found_of(const std::string& host, event::Finding finding);
  void tell_of_refusal(const std::string& host, const StreamId& stream, uint32_t sequence,
                       const wire::Refused& why);
  void tell_of_host(const http::Request& request, const std::string& host, std::string_view what);
  http::Response log_file(const http::Request& request) const;
  http::Response health() const;
  http::Response metrics() const;

  os::FileSystem& files_;
  const ledger::Layout layout_;
  Clock& clock_;
  const RandomSource random_;
  const std::string origin_;
  const Authority authority_;
  std::function<http::Counts()> http_counts_;

  mutable std::mutex registry_mutex_;  // guards registry_
  mutable Registry registry_;
  struct Known {
    BootTime until;
    Status status;
  };
  mutable std::mutex known_mutex_;  // guards known_
  mutable std::map<std::string, Known> known_;
  std::mutex admit_mutex_;  // guards lists_; taken before mutex_
  std::optional<ledger::RecipientsStore> lists_;
  std::string told_of_list_;  // the publisher thread's, as the next two
  std::optional<ledger::PolicyStore> policies_;
  std::string told_of_policy_;
  std::mutex found_mutex_;    // guards found_
  FailureBound found_;        // what hosts make the server write in its own stream
  mutable std::mutex mutex_;  // guards what follows
  std::shared_ptr<const logsrv::Admission> admission_;
  std::shared_ptr<const ledger::SignedRecipients> recipients_;
  std::shared_ptr<const policy::SignedPolicy> policy_;
  const std::shared_ptr<logsrv::IngestKeys> keys_ = std::make_shared<logsrv::IngestKeys>();
  std::optional<Error> publishing_failed_, publishing_trouble_;
  bool stopping_ = false;
  std::condition_variable stop_;

  // Destroyed from the last to the first: workers, then those they use.
  std::unique_ptr<Storage> storage_;
  std::unique_ptr<ledger::Ledger> publisher_;  // the publisher thread's
  std::thread publisher_thread_;
  Pulse publishing_;
  std::optional<PulseWatch> sequencer_watch_, publisher_watch_;
  std::optional<logsrv::LeafFinder> finder_;
  std::unique_ptr<logsrv::Ingest> ingest_;
  std::optional<logsrv::Sequencer> sequencer_;
  std::unique_ptr<OwnStream> own_;
  std::unique_ptr<Reading> reading_;
  std::optional<Scrubber> scrubber_;
  std::optional<Silences> silences_;
  std::optional<Heartbeats> heartbeats_;
  std::unique_ptr<Workers> workers_;
  std::atomic<uint64_t> covered_ = 0;
  CheckpointMemory checkpoints_;
};

}  // namespace stele::server
