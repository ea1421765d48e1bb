// A server of several, with nothing to say: commits made-up volumes to a CommitStore in PostgreSQL.
//
//   committer OPTIONS NAME COUNT            commits COUNT times, and says so: `FIRST LEAVES HASH`;
//   0: until it is killed committer OPTIONS NAME hold             takes a turn, says `turn`, and
//   commits when it is told a line committer OPTIONS NAME list             all volumes, as above,
//   and last `head SIZE`
//
// What can be tried again is. Another failure goes to standard error, and the status is 1.
#include <chrono>
#include <cstdio>
#include <iostream>
#include <string>

#include "base/hex.h"
#include "crypto/sha256.h"
#include "ledger/postgres_commit_store.h"

namespace {

using namespace stele;
using namespace stele::ledger;

int refused(const Error& error) {
  std::fprintf(stderr, "%s: %s\n", std::string(code_name(error.code)).c_str(),
               error.message().c_str());
  return 1;
}

void say(const CommittedVolume& volume) {
  std::printf("%llu %u %s\n", static_cast<unsigned long long>(volume.first_index), volume.count,
              to_hex(volume.hash).c_str());
  std::fflush(stdout);
}

Commit behind(const merkle::Frontier& head, const std::string& name, uint32_t number) {
  const std::string what = name + "/" + std::to_string(number);
  const Hash hash = crypto::sha256(as_bytes(what));
  Commit commit{head, {head.size(), number % 3 + 1, 1000, hash, what, ""}, {}};
  for (uint32_t i = 0; i < commit.volume.count; ++i)
    commit.next.append(crypto::sha256(as_bytes(what + "/" + std::to_string(i))));
  StreamId stream{};
  std::copy_n(crypto::sha256(as_bytes(name)).begin(), stream.size(), stream.begin());
  commit.tails[stream] = {{}, number, false, hash};
  return commit;
}

// Whether it was done, by looking: what is unknown is looked for until it is known.
Result<bool> was_done(CommitStore& store, const CommittedVolume& volume) {
  for (;;) {
    const auto found = store.volume_with(volume.first_index);
    if (found) return found->has_value() && **found == volume;
    if (found.error().code != Code::kBusy) return fail(found.error());
  }
}

// nullopt: not now.
Result<std::optional<CommittedVolume>> try_once(CommitStore& store, const std::string& name,
                                                uint32_t number) {
  const auto later = [](const Error& error) -> Result<std::optional<CommittedVolume>> {
    if (error.code == Code::kBusy || error.code == Code::kConflict) return std::nullopt;
    return fail(error);
  };
  auto turn = store.take_turn();
  if (!turn) return later(turn.error());
  const Commit commit = behind((*turn)->head(), name, number);
  const Status done = (*turn)->commit(commit);
  turn->reset();
  if (done) return commit.volume;
  if (done.error().code != Code::kOutcomeUnknown) return later(done.error());
  TRY(const bool there, was_done(store, commit.volume));
  return there ? std::optional(commit.volume) : std::nullopt;
}

int commit_many(CommitStore& store, const std::string& name, uint32_t count) {
  for (uint32_t number = 1; count == 0 || number <= count;) {
    const auto done = try_once(store, name, number);
    if (!done) return refused(done.error());
    if (!*done) continue;
    say(**done);
    ++number;
  }
  return 0;
}

int hold(CommitStore& store, const std::string& name) {
  auto turn = store.take_turn();
  if (!turn) return refused(turn.error());
  std::puts("turn");
  std::fflush(stdout);
  std::string line;
  std::getline(std::cin, line);
  const Commit commit = behind((*turn)->head(), name, 1);
  const Status done = (*turn)->commit(commit);
  if (!done) return refused(done.error());
  say(commit.volume);
  return 0;
}

int list(CommitStore& store) {
  uint64_t next = 0;
  for (;;) {
    const auto volumes = store.volumes_from(next, 1000);
    if (!volumes) return refused(volumes.error());
    if (volumes->empty()) break;
    for (const CommittedVolume& volume : *volumes) say(volume);
    next = volumes->back().first_index + volumes->back().count;
  }
  const auto head = store.head();
  if (!head) return refused(head.error());
  std::printf("head %llu\n", static_cast<unsigned long long>(head->size()));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 64;
  const std::string name = argv[2], what = argv[3];
  auto options = db::PostgresOptions::load(argv[1]);
  if (!options) return refused(options.error());
  auto store = PostgresCommitStore::open(*std::move(options), "stele.example/committer");
  if (!store) return refused(store.error());
  if (what == "hold") return hold(**store, name);
  if (what == "list") return list(**store);
  return commit_many(**store, name, static_cast<uint32_t>(std::stoul(what)));
}
