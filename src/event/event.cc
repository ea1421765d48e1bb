#include "event/event.h"

namespace stele::event {

std::string_view lane_name(Lane lane) {
  switch (lane) {
    case Lane::kFacts:
      return "facts";
    case Lane::kOutput:
      return "output";
    case Lane::kInput:
      return "input";
  }
  return "?";
}

bool is_host_event(const Body& body) {
  return std::holds_alternative<HostStart>(body) || std::holds_alternative<HostStop>(body) ||
         std::holds_alternative<HostSummary>(body) || std::holds_alternative<ClockStep>(body) ||
         std::holds_alternative<SessionNumber>(body) || std::holds_alternative<ServerStart>(body) ||
         std::holds_alternative<ServerStop>(body) || std::holds_alternative<Asked>(body) ||
         std::holds_alternative<Change>(body) || std::holds_alternative<Scrub>(body) ||
         std::holds_alternative<Probe>(body);
}

bool is_kernel_event(const Body& body) {
  return std::holds_alternative<Exec>(body) || std::holds_alternative<Exit>(body) ||
         std::holds_alternative<Privilege>(body) || std::holds_alternative<Forward>(body);
}

std::string_view forward_name(Forward::What what) {
  return what == Forward::What::kConnect ? "connect" : "listen";
}

std::string_view sudo_name(Sudo::What what) {
  switch (what) {
    case Sudo::What::kAccept:
      return "accept";
    case Sudo::What::kReject:
      return "reject";
    case Sudo::What::kError:
      return "error";
    case Sudo::What::kCommand:
      return "command";
  }
  return "";
}

std::string_view pipe_name(Piped::Pipe pipe) {
  switch (pipe) {
    case Piped::Pipe::kInput:
      return "piped-input";
    case Piped::Pipe::kOutput:
      return "piped-output";
    case Piped::Pipe::kError:
      return "piped-error";
  }
  return "?";
}

std::string_view transfer_name(Transfer::What what) {
  switch (what) {
    case Transfer::What::kToHost:
      return "to-host";
    case Transfer::What::kFromHost:
      return "from-host";
    case Transfer::What::kRemove:
      return "remove";
    case Transfer::What::kRename:
      return "rename";
    case Transfer::What::kLink:
      return "link";
    case Transfer::What::kSymlink:
      return "symlink";
    case Transfer::What::kMakeDirectory:
      return "make-directory";
    case Transfer::What::kRemoveDirectory:
      return "remove-directory";
    case Transfer::What::kSetAttributes:
      return "set-attributes";
    case Transfer::What::kLost:
      return "lost";
  }
  return "?";
}

std::string_view known_name(Known known) {
  switch (known) {
    case Known::kKernel:
      return "kernel";
    case Known::kSignature:
      return "signature";
    case Known::kDatabase:
      return "database";
    case Known::kEnvironment:
      return "environment";
  }
  return "?";
}

Bytes for_screen(ByteSpan piped) {
  Bytes out;
  out.reserve(piped.size() + piped.size() / 16);
  for (const uint8_t byte : piped) {
    if (byte == '\n') out.push_back('\r');
    out.push_back(byte);
  }
  return out;
}

Lane lane_of(const Body& body) {
  if (const auto* piped = std::get_if<Piped>(&body)) return piped->lane();
  if (const auto* elided = std::get_if<Elided>(&body)) return elided->lane();
  if (std::holds_alternative<Output>(body)) return Lane::kOutput;
  const bool is_typed =
      std::holds_alternative<Input>(body) || std::holds_alternative<Redaction>(body);
  return is_typed ? Lane::kInput : Lane::kFacts;
}

size_t content_bytes(const Body& body) {
  if (const auto* output = std::get_if<Output>(&body)) return output->bytes.size();
  if (const auto* input = std::get_if<Input>(&body)) return input->bytes.size();
  if (const auto* piped = std::get_if<Piped>(&body)) return piped->bytes.size();
  return 0;
}

std::string_view input_policy_name(InputPolicy policy) {
  switch (policy) {
    case InputPolicy::kAll:
      return "all";
    case InputPolicy::kRedact:
      return "redact";
    case InputPolicy::kNone:
      return "none";
  }
  return "?";
}

std::optional<InputPolicy> parse_input_policy(std::string_view name) {
  for (InputPolicy policy : {InputPolicy::kAll, InputPolicy::kRedact, InputPolicy::kNone}) {
    if (input_policy_name(policy) == name) return policy;
  }
  return std::nullopt;
}

}  // namespace stele::event
