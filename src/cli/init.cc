#include <algorithm>
#include <cstdio>

#include "cli/commands.h"
#include "ledger/setup.h"
#include "ledger/successor.h"
#include "os/random.h"
#include "os/terminal_mode.h"
#include "os/who.h"

namespace stele::cli {
namespace {

Result<crypto::Recipient> parse_recipient(const std::string& what, const std::string& text) {
  auto recipient = crypto::Recipient::parse(text);
  if (recipient) return recipient;
  return fail(std::move(recipient).error().within(
      what + " \"" + printable(text) + "\" is none (age1… is wanted, as age-keygen prints it)"));
}

Result<std::vector<crypto::Recipient>> parse_recipients(const std::string& option,
                                                        const std::vector<std::string>& texts) {
  std::vector<crypto::Recipient> out;
  for (const std::string& text : texts) {
    TRY(auto recipient, parse_recipient(option, text));
    out.push_back(recipient);
  }
  return out;
}

// One line from the person at the terminal; empty if there is none.
std::string ask(const char* question) {
  std::fputs(question, stderr);
  std::string line;
  for (int c; (c = std::getchar()) != EOF && c != '\n' && line.size() < 1024;)
    line += static_cast<char>(c);
  return line;
}

Status ask_for_recovery(ledger::SetupOptions& setup) {
  if (!os::is_terminal(0) || !os::is_terminal(2)) return {};
  const std::string answer =
      ask("A recovery recipient can open every session if the auditor's identity is lost.\n"
          "Recovery recipient (age1…, from `age-keygen` on another machine; empty for none): ");
  if (answer.empty()) return {};
  TRY(auto recipient, parse_recipient("recovery recipient", answer));
  setup.recovery.push_back(recipient);
  return {};
}

// Before anything is made: half a ledger would be in the way of the next attempt.
Status check_different(const ledger::SetupOptions& setup) {
  std::vector<crypto::Recipient> all = setup.auditors;
  all.insert(all.end(), setup.recovery.begin(), setup.recovery.end());
  for (auto r = all.begin(); r != all.end(); ++r) {
    if (std::find(all.begin(), r, *r) != r)
      return fail(Code::kInvalid, r->to_string() +
                                      " is given twice; who is to help when an identity is lost "
                                      "needs another one");
  }
  return {};
}

std::string origin_of(const InitOptions& options) {
  return options.origin.empty() ? ledger::make_origin(os::host_name(), os::system_random)
                                : options.origin;
}

Result<ledger::SetupReport> set_up(Context& context, const InitOptions& options,
                                   bool& has_recovery) {
  ledger::SetupOptions setup;
  setup.origin = origin_of(options);
  TRY(setup.auditors, parse_recipients("--auditor", options.auditors));
  TRY(setup.recovery, parse_recipients("--recovery", options.recovery));
  if (setup.recovery.empty() && !options.no_recovery) TRY_VOID(ask_for_recovery(setup));
  TRY_VOID(check_different(setup));
  has_recovery = !setup.recovery.empty();
  return ledger::set_up(context.files, context.layout, setup, context.clock, os::system_random);
}

int report_successor(const Context& context, const ledger::Predecessor& made) {
  std::printf("Ledger made in %s\n  log       %s\n  follows   %s\n  leaves    %llu\n",
              context.layout.directory.c_str(), made.log.name.c_str(), made.before.name.c_str(),
              static_cast<unsigned long long>(made.kept));
  if (made.has_loss()) {
    std::fprintf(stderr,
                 "\nWARNING: leaves %llu to %llu of %s were proven to somebody and are not here: "
                 "they are lost,\nand every verification will say so.\n",
                 static_cast<unsigned long long>(made.kept),
                 static_cast<unsigned long long>(made.size - 1), made.before.name.c_str());
  }
  std::printf("\nNext: stele verify; then move the hosts (docs/operations.md, \"Restore\")\n");
  return kExitOk;
}

Result<ledger::Predecessor> succeed(Context& context, const InitOptions& options) {
  ledger::SuccessionOptions how{{options.successor_of}, origin_of(options), {}};
  if (!options.last.empty()) {
    TRY(how.last, context.files.read(options.last, size_t{64} << 10));
  }
  return ledger::succeed(context.files, context.layout, how, context.clock, os::system_random);
}

}  // namespace

int init(Context& context, const InitOptions& options) {
  if (!options.successor_of.empty()) {
    const auto made = succeed(context, options);
    return made ? report_successor(context, *made) : report(made.error());
  }
  bool has_recovery = false;
  const auto made = set_up(context, options, has_recovery);
  if (!made) return report(made.error());
  std::printf("Ledger made in %s\n", context.layout.directory.c_str());
  for (const auto& r : made->auditors) std::printf("  auditor   %s\n", r.to_string().c_str());
  if (made->made_identity) {
    std::printf("  identity  %s\n\n", context.layout.auditor_identity().c_str());
    std::printf(
        "The identity opens every session recorded here. Move it offline, to where the auditor is, "
        "and\n"
        "read sessions there with --identity FILE. keys/policy.key, which signs who may read, "
        "belongs\n"
        "offline too. Recording needs neither.\n");
  }
  if (!has_recovery) {
    std::fputs(
        "\nWARNING: there is no recovery recipient. If every auditor's identity is lost, nothing "
        "recorded here\n"
        "can ever be read again. Add one now, before recording: stele key grant age1… --role "
        "recovery\n",
        stderr);
  }
  std::printf("\nNext: stele record\n");
  return kExitOk;
}

}  // namespace stele::cli
