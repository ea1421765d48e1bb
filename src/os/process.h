// Starting a command on a terminal, and how it ended.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "os/fd.h"

namespace stele::os {

struct Command {
  std::string file;                      // looked up in the environment's PATH unless it has a '/'
  std::vector<std::string> argv;         // argv[0] included
  std::vector<std::string> environment;  // "NAME=value"
};

/// Starts the command as the leader of a new session whose controlling terminal, and standard
/// input, output and error, is `terminal`. It gets default signal handling and no other descriptor.
/// Returns when the command runs, or its error: kNotFound if there is no such command, another code
/// (mostly kPermission) if there is one and it cannot be run.
Result<pid_t> spawn(const Command& command, int terminal);

/// Our ends of a command's standard input, output and error: non-blocking.
struct Pipes {
  Fd input, output, error;
};
struct Piped {
  pid_t process = -1;
  Pipes pipes;
};
/// The same with pipes instead of a terminal, as the leader of a process group; if this process
/// dies, it is hung up (SIGHUP), unless it has other rights than this one.
Result<Piped> spawn_piped(const Command& command);

struct Ended {
  std::optional<uint8_t> exit_status;
  std::optional<uint8_t> signal;
  bool core_dumped = false;
  Micros user_time{0}, system_time{0};  // the process and the children it waited for
  uint64_t rss_bytes_max = 0;
};

/// How our child ended, or nothing if it still runs. kNotFound if there is no such child.
Result<std::optional<Ended>> reap(pid_t child);

/// The same, once it has ended.
Result<Ended> wait_for(pid_t child);

/// Sends a signal, to a process or (-n) to the group that n leads; one that is gone is success.
Status send_signal(pid_t process, int signal);

/// Becomes another program, found by its path. Returns only its error.
Error become(const std::string& path, const std::vector<std::string>& argv);

/// Whether the file at `path` is the program that runs here.
bool is_this_program(const std::string& path);
bool is_executable(const std::string& path);

/// Where `name` lies, or would, beside this process's own executable.
Result<std::string> sibling_path(const std::string& name);

/// Becomes that program. Returns only its error.
Error become_sibling(const std::string& name, const std::vector<std::string>& argv);

/// As many open files as the machine allows this process (RLIMIT_NOFILE's hard limit); how many.
uint64_t raise_open_files();

/// Opens /dev/null in the place of each of the descriptors 0, 1 and 2 that is closed: else the next
/// file opened would be somebody's standard output. To be called before anything is opened.
void occupy_standard_descriptors();

/// This process's environment, "NAME=value" each.
std::vector<std::string> environment();
/// To be called before there is a second thread.
void set_variable(const std::string& name, const std::string& value);

}  // namespace stele::os
