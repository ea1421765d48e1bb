// stele-prune: what `stele prune` becomes. A program of its own, with a credential of its own: the
// only one that removes anything that was recorded.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/version.h"
#include "codec/json.h"
#include "ledger/made.h"
#include "ledger/setup.h"
#include "os/clock.h"
#include "os/posix_file_system.h"
#include "os/process.h"
#include "os/random.h"
#include "retention/prune.h"

namespace {

using namespace stele;

constexpr int kExitOk = 0, kExitUsage = 64, kExitFailed = 70;

struct Options {
  std::string directory, key, made_key;
  bool removes = false, json = false;
};

std::string number(uint64_t value) { return std::to_string(value); }

void print(const retention::Prune& prune, bool removed) {
  uint64_t bytes = 0, going = 0;
  for (const retention::Volume& volume : prune.volumes()) {
    const bool goes = volume.stays.empty();
    std::printf("%-7s %s  leaves %s to %s, %s sessions, %s bytes%s%s\n",
                goes ? (removed ? "removed" : "may go") : "stays",
                vault::to_string(volume.name).c_str(), number(volume.name.first_index).c_str(),
                number(volume.next - 1).c_str(), number(volume.sessions.size()).c_str(),
                number(volume.bytes).c_str(), goes ? "" : ": ", volume.stays.c_str());
    if (!goes) continue;
    bytes += volume.bytes;
    ++going;
  }
  std::printf("%s volumes %s, %s bytes; by the day before %s.\n", number(going).c_str(),
              removed ? "removed" : "may go", number(bytes).c_str(),
              ledger::day_text(prune.day()).c_str());
  if (!removed && going > 0)
    std::printf("Nothing was removed: stele prune --remove --key FILE does it.\n");
}

void print_json(const retention::Prune& prune, bool removed) {
  std::string out;
  codec::JsonWriter json(out);
  json.begin_object().key("removed").boolean(removed);
  json.key("day").text(ledger::day_text(prune.day())).key("volumes").begin_array();
  for (const retention::Volume& volume : prune.volumes()) {
    json.begin_object().key("volume").text(vault::to_string(volume.name));
    json.key("first").number(volume.name.first_index).key("next").number(volume.next);
    json.key("sessions").number(volume.sessions.size()).key("bytes").number(volume.bytes);
    json.key("goes").boolean(volume.stays.empty()).key("stays").text(volume.stays).end_object();
  }
  json.end_array().end_object();
  std::printf("%s\n", out.c_str());
}

Result<ledger::LogSigner> log_signer(os::FileSystem& files, const ledger::Layout& layout) {
  TRY(auto key, ledger::load_private_key(files, layout.log_key()));
  TRY(auto signer, receipt::NoteSigner::make(key.name, std::move(key.key)));
  return std::make_shared<const receipt::NoteSigner>(std::move(signer));
}

Status make_key(const Options& options) {
  os::PosixFileSystem files;
  const ledger::Layout layout{options.directory};
  TRY(const auto policy, ledger::load_verifier_key(files, layout.policy_vkey()));
  TRY(const std::string origin, ledger::first_origin(policy));
  ledger::Made made(files);
  TRY(const auto key,
      ledger::make_key(made, origin + "/prune", options.made_key, os::system_random));
  made.keep();
  std::printf("prune %s\n", ledger::verifier_key(key).to_string().c_str());
  std::fprintf(stderr,
               "%s is the key. The line above belongs into the policy, behind its day; then sign "
               "that.\n",
               options.made_key.c_str());
  return {};
}

Status run(const Options& options) {
  os::PosixFileSystem files;
  os::SystemClock clock;
  const ledger::Layout layout{options.directory};
  retention::Prune prune(files, layout, clock);
  TRY_VOID(prune.look());
  if (options.removes) {
    TRY_VOID(ledger::check_owner(layout));
    TRY(const auto key, ledger::load_private_key(files, options.key));
    TRY(auto log, log_signer(files, layout));
    TRY_VOID(prune.remove(key, std::move(log), os::system_random));
  }
  options.json ? print_json(prune, options.removes) : print(prune, options.removes);
  return {};
}

int finish(const Status& done) {
  if (done) return kExitOk;
  std::fprintf(stderr, "stele: %s\n", done.error().message().c_str());
  return kExitFailed;
}

}  // namespace

int main(int argc, char** argv) {
  os::occupy_standard_descriptors();
  Options options;
  CLI::App app("Removes what has lawfully expired, and nothing else.", "stele");
  app.set_version_flag("--version", std::string("stele ") + kVersion);
  app.require_subcommand(1);
  CLI::App* prune = app.add_subcommand(
      "prune",
      "which volumes hold nothing but what has expired, and why the others stay; removes them only "
      "if told to, and writes that into the ledger first");
  prune->add_option("-d,--dir", options.directory, "the ledger's directory")
      ->envname("STELE_DIR")
      ->default_val("/var/lib/stele-server");
  CLI::Option* with =
      prune->add_option("--key", options.key, "the key that the policy names in its `prune` line");
  prune->add_flag("--remove", options.removes, "remove what may go")->needs(with);
  prune->add_flag("--json", options.json, "print it as JSON");
  prune->footer(
      "Volumes are immutable where the file system can do that: to remove them takes "
      "CAP_LINUX_IMMUTABLE.");
  CLI::App* key = prune->add_subcommand("key", "make a key, and print its line for the policy");
  key->add_option("FILE", options.made_key, "where the key is written")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  return finish(*key ? make_key(options) : run(options));
}
