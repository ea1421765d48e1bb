"""Plants violations in a small tree and demands that check_layers finds each, and nothing else."""
import pathlib
import tempfile
import unittest

import check_layers


class LayersTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("CMakeLists.txt", "foreach(folder base os crypto codec event segment merkle vault ledger capture sim cli)\n")
        for header in ("base/bytes.h", "os/file.h", "crypto/sha256.h", "event/event.h", "segment/segment.h", "merkle/tree.h",
                       "vault/vault.h", "ledger/ledger.h", "capture/capture.h", "sim/disk.h", "cli/commands.h"):
            self.write(f"src/{header}", "#pragma once\n#include <string>\n")

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def faults_of(self, path, *lines):
        self.write(f"src/{path}", "\n".join(lines) + "\n")
        return check_layers.check(self.root)

    def assert_found(self, part, path, *lines):
        faults = self.faults_of(path, *lines)
        self.assertEqual(len(faults), 1, faults)
        self.assertIn(f"src/{path}:{len(lines)}: ", faults[0])
        self.assertIn(part, faults[0])

    def assert_clean(self, path, *lines):
        self.assertEqual(self.faults_of(path, *lines), [])

    def test_a_clean_tree_has_no_faults(self):
        self.assert_clean("ledger/ledger.cc", '#include "ledger/ledger.h"', "", "#include <vector>", '#include "vault/vault.h"',
                          '#include "merkle/tree.h"', '#include "os/file.h"', '#include "base/bytes.h"')

    def test_a_folder_may_not_look_down(self):
        self.assert_found("stands below", "base/x.cc", "#include <string>", '#include "ledger/ledger.h"')
        self.write("src/base/x.cc", "")
        self.assert_found("stands below", "merkle/x.cc", '#include "vault/vault.h"')

    def test_siblings_leave_each_other_alone_but_ledger_may_use_vault(self):
        self.assert_found("sibling", "vault/x.cc", '#include "ledger/ledger.h"')

    def test_pure_folders_do_not_touch_the_system(self):
        for line in ('#include "os/file.h"', "#include <thread>", "#include <mutex>", "#include <fstream>", "#include <iostream>",
                     "#include <filesystem>"):
            with self.subTest(line):
                self.assert_found("pure", "segment/x.cc", "", line)

    def test_pure_folders_have_no_clock_environment_or_randomness(self):
        for line in ("auto t = std::chrono::system_clock::now();", "auto t = clock.now ();", "clock_gettime(0, &ts);", "time(nullptr);",
                     'getenv("HOME");', "std::random_device device;", 'fopen("x", "r");'):
            with self.subTest(line):
                self.assert_found("is pure and uses", "event/x.cc", "#include <chrono>", line)

    def test_words_in_comments_and_strings_are_no_calls(self):
        self.assert_clean("event/x.cc", "// now() would be a clock", '/* getenv("A") */ auto s = "time(0)";', "int n = 1'000'000;",
                          "int snow(int now) { return start_time(now); }",
                          "void time(int key, int micros);", "")

    def test_only_os_makes_system_calls(self):
        for header in ("unistd.h", "sys/stat.h", "fcntl.h", "termios.h", "pty.h", "signal.h", "linux/fs.h", "poll.h", "pwd.h"):
            with self.subTest(header):
                self.assert_found("system calls", "capture/x.cc", f"#include <{header}>")
        self.write("src/capture/x.cc", "")
        self.assert_clean("os/x.cc", "#include <unistd.h>", "#include <sys/stat.h>")

    def test_names_of_signals_are_free_but_sending_them_is_not(self):
        self.assert_clean("capture/x.cc", "#include <csignal>", "#include <sys/types.h>", "int f() { return SIGTERM; }")
        self.assert_found("kill is a system call", "capture/x.cc", "#include <csignal>", "int f(int p) { return kill(p, SIGTERM); }")

    def test_headers_made_by_cmake_are_known_by_their_template(self):
        self.write("src/base/version.h.in", "#pragma once\n")
        self.assert_clean("cli/x.cc", '#include "base/version.h"')

    def test_tests_may_use_the_system(self):
        self.assert_clean("capture/x_test.cc", "#include <unistd.h>", "#include <fstream>", "#include <thread>")
        self.assert_clean("merkle/x_test.cc", "#include <thread>", "auto t = std::chrono::steady_clock::now();")

    def test_disk_streams_stay_behind_the_door(self):
        self.assert_found("past os/", "ledger/x.cc", "#include <fstream>")

    def test_third_party_headers_stay_at_home(self):
        for header, folder in (("openssl/evp.h", "ledger"), ("zstd.h", "segment"), ("boost/json.hpp", "cli"), ("CLI/CLI.hpp", "capture"),
                               ("tl/expected.hpp", "os")):
            with self.subTest(header):
                self.assert_found("belongs", f"{folder}/x.cc", f"#include <{header}>")
                self.write(f"src/{folder}/x.cc", "")
        self.assert_clean("crypto/x.cc", "#include <openssl/evp.h>")

    def test_third_party_headers_stay_out_of_headers(self):
        self.assert_found(".cc files only", "crypto/x.h", "#include <openssl/evp.h>")

    def test_gtest_is_for_tests(self):
        self.assert_found("belongs", "ledger/x.cc", "#include <gtest/gtest.h>")
        self.write("src/ledger/x.cc", "")
        self.assert_clean("ledger/x_test.cc", "#include <gtest/gtest.h>")

    def test_an_unknown_library_needs_a_home(self):
        self.assert_found("unknown", "vault/x.cc", "#include <pqxx/pqxx>")

    def test_only_tests_include_the_simulator_and_test_helpers(self):
        self.write("src/ledger/test_world.h", "#pragma once\n")
        self.assert_clean("ledger/x_test.cc", '#include "sim/disk.h"', '#include "ledger/test_world.h"')
        self.assert_found("only tests", "ledger/x.cc", '#include "sim/disk.h"')
        self.assert_found("for tests only", "ledger/x.cc", '#include "ledger/test_world.h"')

    def test_an_include_names_its_folder(self):
        self.assert_found("is no file of src/", "vault/x.cc", '#include "vault.h"')

    def test_the_recorder_has_a_list_of_its_own(self):
        self.write("CMakeLists.txt", (self.root / "CMakeLists.txt").read_text().replace("cli", "cli recorder"))
        self.assert_clean("recorder/main.cc", '#include "os/file.h"', '#include "capture/capture.h"')
        self.assert_found("not among its few", "recorder/main.cc", '#include "crypto/sha256.h"')

    def test_every_folder_is_ordered_and_built(self):
        self.write("src/gadget/x.h", "#pragma once\n")
        self.assertEqual(len(check_layers.check(self.root)), 2)


if __name__ == "__main__":
    unittest.main()
