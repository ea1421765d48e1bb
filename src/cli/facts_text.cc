#include "cli/facts_text.h"

#include <cstdio>

#include "cli/time_text.h"
#include "crypto/ssh_certificate.h"

namespace stele::cli {
namespace {

/// A line of how the person came, by its entry in the map of docs/formats/event.md.
struct Fact {
  const char* name;
  const char* entry;
  std::string value;
};

std::string certificate_text(const event::Start& start) {
  const auto read = crypto::parse_ssh_certificate(as_bytes(start.certificate));
  if (!read) return "not one that can be read";
  return "of " + read->key_id + ", serial " + std::to_string(read->serial) + ", for " +
         join(read->principals) +
         (start.authority.empty() ? ", signed by nobody trusted"
                                  : ", signed by " + start.authority);
}

/// What is not there is left out.
std::vector<Fact> arrival_of(const event::Start& start) {
  std::vector<Fact> facts;
  const auto add = [&](const char* name, const char* entry, std::string value) {
    if (!value.empty()) facts.push_back({name, entry, std::move(value)});
  };
  add("groups", "names", join(start.group_names));
  add("came by", "service", start.service);
  add("from", "from", start.from);
  add("let in by", "methods", join(start.methods));
  add("told by", "arrival", start.arrival.empty() ? "" : "PAM, service " + start.arrival);
  add("ssh key", "ssh_key", start.ssh_key);
  if (!start.certificate.empty()) add("certified", "certificate", certificate_text(start));
  if (start.invoker) {
    add("became", "invoker",
        "another: " + start.invoker_name + " (uid " + std::to_string(*start.invoker) + ")");
  } else {
    add("became", "invoker_name",
        start.invoker_name.empty() ? "" : "another: " + start.invoker_name);
  }
  add("ssh agent", "forwarded_agent", start.forwarded_agent);
  add("cgroup", "cgroup", start.cgroup);
  add("container", "container", start.container);
  return facts;
}

void write_arrival(codec::JsonWriter& json, const event::Start& start) {
  json.key("group_names").begin_array();
  for (const std::string& name : start.group_names) json.text(name);
  json.end_array().key("service").text(start.service).key("from").text(start.from);
  json.key("arrival").text(start.arrival).key("methods").begin_array();
  for (const std::string& method : start.methods) json.text(method);
  json.end_array().key("forwarded_agent").text(start.forwarded_agent);
  json.key("ssh_key").text(start.ssh_key).key("authority").text(start.authority);
  if (const auto read = crypto::parse_ssh_certificate(as_bytes(start.certificate))) {
    json.key("certificate").begin_object().key("key_id").text(read->key_id);
    json.key("serial").number(read->serial).key("principals").begin_array();
    for (const std::string& each : read->principals) json.text(each);
    json.end_array().key("extensions").begin_object();
    for (const auto& each : read->extensions) json.key(each.name).text(each.value);
    json.end_object().end_object();
  }
  if (start.invoker) json.key("invoker").number(*start.invoker);
  json.key("invoker_name").text(start.invoker_name).key("cgroup").text(start.cgroup);
  json.key("container").text(start.container).key("known").begin_object();
  for (const auto& [entry, known] : start.known) json.key(entry).text(event::known_name(known));
  json.end_object();
}

void write_copies(codec::JsonWriter& json, const event::Copies& copied) {
  json.key("copied").begin_object().key("to_host").number(copied.to_host);
  json.key("from_host").number(copied.from_host);
  json.key("bytes").number(copied.bytes).end_object();
}

std::string copies_text(const event::Copies& copied) {
  return std::to_string(copied.to_host) + " to the host, " + std::to_string(copied.from_host) +
         " from it, " + human_bytes(copied.bytes);
}

void write_person(codec::JsonWriter& json, const event::Person& person) {
  json.key("person").text(person.name).key("roles").begin_array();
  for (const std::string& role : person.roles) json.text(role);
  json.end_array()
      .key("person_by")
      .text(person.by           ? event::known_name(*person.by)
            : person.by_arrival ? "arrival"
                                : "");
  json.key("person_through").text(person.through).key("roles_version").number(person.version);
}

}  // namespace

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& w : words) out += (out.empty() ? "" : " ") + w;
  return out;
}

std::string marked(const event::Start& start, const std::string& entry) {
  const auto found = start.known.find(entry);
  const bool is_pams = entry == "from" || entry == "ssh_key" || entry == "certificate" ||
                       entry == "methods" || entry == "arrival";
  const char* const told = is_pams && !start.arrival.empty() ? ", told by PAM" : "";
  if (found == start.known.end()) return *told != 0 ? told : ", not said where from";
  switch (found->second) {
    case event::Known::kKernel:
      return ", from the kernel";
    case event::Known::kSignature:
      return std::string(", by a signature") + told;
    case event::Known::kDatabase:
      return ", from the user database";
    case event::Known::kEnvironment:
      return ", claimed";
  }
  return "";
}

std::string person_text(const event::Person& person) {
  if (person.name.empty()) return "NOBODY KNOWN behind a shared account";
  std::string text = person.name;
  if (!person.roles.empty()) text += " as " + join(person.roles);
  text += ", by the " + person.through;
  if (person.by_arrival) return text + ", as PAM told";
  return person.by == event::Known::kEnvironment ? text + " (claimed)" : text;
}

void write_facts(codec::JsonWriter& json, const SessionFacts& f, const std::string& state) {
  json.key("id")
      .text(to_string(f.id))
      .key("began")
      .text(rfc3339(f.began))
      .key("last")
      .text(rfc3339(f.last));
  json.key("state")
      .text(state)
      .key("readable")
      .boolean(f.readable)
      .key("segments")
      .number(f.segments)
      .key("bytes")
      .number(f.bytes);
  if (!f.readable) return;
  json.key("title").text(f.start.title).key("command").begin_array();
  for (const std::string& a : f.start.argv) json.text(a);
  json.end_array()
      .key("cwd")
      .text(f.start.cwd)
      .key("uid")
      .number(f.start.uid)
      .key("euid")
      .number(f.start.euid);
  json.key("gid").number(f.start.gid).key("user").text(f.start.user).key("groups").begin_array();
  for (uint32_t g : f.start.groups) json.number(g);
  json.end_array();
  if (f.start.login_uid)
    json.key("login_uid").number(*f.start.login_uid).key("login_user").text(f.start.login_user);
  if (f.start.audit_session) json.key("audit_session").number(*f.start.audit_session);
  json.key("tty")
      .text(f.start.tty)
      .key("terminal")
      .text(f.start.terminal)
      .key("host")
      .text(f.start.host);
  json.key("machine_id")
      .text(f.start.machine_id)
      .key("boot_id")
      .text(f.start.boot_id)
      .key("kernel")
      .text(f.start.kernel);
  json.key("rows").number(f.start.size.rows).key("columns").number(f.start.size.columns);
  write_arrival(json, f.start);
  if (f.person) write_person(json, *f.person);
  json.key("parent")
      .text(f.start.parent_session)
      .key("input")
      .text(input_policy_name(f.start.input_policy));
  json.key("recorder").text(f.start.recorder);
  if (!f.end) return;
  json.key("end").begin_object();
  if (f.end->exit_status) json.key("exit").number(*f.end->exit_status);
  if (f.end->signal) json.key("signal").number(*f.end->signal);
  json.key("core").boolean(f.end->core_dumped).key("why").text(f.end->why);
  json.key("user_seconds")
      .seconds(f.end->user_time)
      .key("system_seconds")
      .seconds(f.end->system_time);
  json.key("rss_bytes")
      .number(f.end->rss_bytes_max)
      .key("output_bytes")
      .number(f.end->output_bytes);
  json.key("input_bytes").number(f.end->input_bytes);
  if (f.end->copied) write_copies(json, *f.end->copied);
  if (f.end->forwards) json.key("forwards").number(*f.end->forwards);
  json.end_object();
}

void print_facts(const SessionFacts& f, const std::string& state) {
  const auto line = [](const char* name, const std::string& value) {
    if (!value.empty()) std::printf("  %-10s %s\n", name, printable(value).c_str());
  };
  std::printf("session %s\n", to_string(f.id).c_str());
  line("state", state);
  line("began", rfc3339(f.began));
  line("lasted", human_duration(f.last - f.began));
  line("title", f.start.title);
  line("command", join(f.start.argv));
  line("in", f.start.cwd);
  if (f.person) line("person", person_text(*f.person));
  line("account",
       f.start.user + " (uid " + std::to_string(f.start.uid) + marked(f.start, "uid") + ")");
  if (f.start.euid != f.start.uid) line("acting as", "uid " + std::to_string(f.start.euid));
  if (f.start.login_uid) {
    line("logged in", f.start.login_user + " (login uid " + std::to_string(*f.start.login_uid) +
                          marked(f.start, "auid") + ")");
  }
  for (const Fact& fact : arrival_of(f.start))
    line(fact.name, fact.value + " (" + marked(f.start, fact.entry).substr(2) + ")");
  const bool is_claim = f.start.known.contains("host");
  line("host", f.start.host + (f.start.kernel.empty() ? "" : ", " + f.start.kernel) +
                   (is_claim ? " (" + marked(f.start, "host").substr(2) + ")" : ""));
  line("terminal", f.start.tty + " " + f.start.terminal + " " +
                       std::to_string(f.start.size.columns) + "x" +
                       std::to_string(f.start.size.rows));
  line("commands",
       f.start.commands.empty() ? "not seen" : "by the kernel (" + f.start.commands + ")");
  if (f.start.service == "sshd")
    line("forwards",
         f.start.forwards.empty() ? "not seen" : "by the kernel (" + f.start.forwards + ")");
  line("input", std::string(input_policy_name(f.start.input_policy)));
  if (f.end) {
    line("shown", human_bytes(f.end->output_bytes));
    line("typed", human_bytes(f.end->input_bytes));
    if (f.end->copied) line("copied", copies_text(*f.end->copied));
    if (f.end->forwards)
      line("forwarded", std::to_string(*f.end->forwards) +
                            (*f.end->forwards == 1 ? " address and port" : " addresses and ports"));
    line("used", human_duration(f.end->user_time + f.end->system_time) + " of CPU, " +
                     human_bytes(f.end->rss_bytes_max) + " of memory");
    if (!f.end->why.empty()) line("ended by", f.end->why);
  }
  line("sealed in", std::to_string(f.segments) + " segments, " + human_bytes(f.bytes));
}

}  // namespace stele::cli
