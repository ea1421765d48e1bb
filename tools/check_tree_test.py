"""Plants violations in a small tree and demands that check_tree finds each, and nothing else."""
import json
import pathlib
import subprocess
import tempfile
import unittest

import check_tree


class TreeTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name).resolve()
        subprocess.run(["git", "init", "-q", self.root], check=True)
        self.write(".clang-format", "BasedOnStyle: Google\n")
        self.write(".gitignore", "/build/\n")
        self.write("README.md", "# x\n\n```\n$ ./tools/hello   # greets\n$ stele verify --all\n```\n")
        self.write("tools/hello", "#!/bin/sh\n", mode=0o755)
        self.write("src/a/a.cc", "int f() { return 1; }\n")
        self.write("src/a/a_test.cc", "int g() { return 1; }\n")
        self.write("docs/formats/a.md", "## Grammar: one\n## Limits\n## Example\n## Changelog\n")
        self.write("build/bin/stele", '#!/bin/sh\n[ "$1" = verify ]\n', mode=0o755)
        self.compiled("src/a/a.cc", "src/a/a_test.cc")

    def write(self, path, text, mode=0o644):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(text if isinstance(text, bytes) else text.encode())
        (self.root / path).chmod(mode)

    def compiled(self, *paths):
        self.write("build/compile_commands.json", json.dumps([{"directory": str(self.root / "build"), "file": str(self.root / p)} for p in paths]))

    def check(self):
        return check_tree.check(self.root, self.root / "build")

    def assert_found(self, part, path, text):
        self.write(path, text)
        faults = self.check()
        self.assertEqual(len(faults), 1, faults)
        self.assertIn(path, faults[0])
        self.assertIn(part, faults[0])

    def test_a_clean_tree_has_no_faults(self):
        self.assertEqual(self.check(), [])

    def test_a_test_that_nobody_builds_is_found(self):
        self.assert_found("in no build", "src/a/b_test.cc", "int h() { return 1; }\n")
        self.compiled("src/a/a.cc", "src/a/a_test.cc", "src/a/b_test.cc")
        self.assertEqual(self.check(), [])
        self.assert_found("in no build", "src/a/c_fuzz.cc", "int k() { return 1; }\n")

    def test_a_fuzz_target_without_a_corpus_is_found(self):
        self.write("testdata/corpus/word/empty", "")
        self.compiled("src/a/a.cc", "src/a/a_test.cc", "src/a/w_fuzz.cc")
        self.assert_found("has no input in testdata/corpus/word/", "src/a/w_fuzz.cc", "STELE_FUZZ(word, input) {}\n")
        self.write("testdata/corpus/word/one", "x")
        self.assertEqual(self.check(), [])

    def test_file_names_are_snake_case(self):
        for name in ("BadName.cc", "bad-name.h", "bad.cpp", "bad__name.py"):
            with self.subTest(name):
                self.assert_found("snake_case", f"src/a/{name}", "")
                (self.root / "src/a" / name).unlink()

    def test_exceptions_stay_in_their_adapters(self):
        self.assert_found("`throw`", "src/a/a.cc", "int f() { throw 1; }\n")
        self.write("src/a/a.cc", 'int f() { return 1; }  // never throw, do not try\nconst char* s = "try";\n')
        self.assertEqual(self.check(), [])
        self.write("src/cli/main.cc", "int main() {\n  try {\n    return 0;\n  } catch (...) {\n  }\n}\n")
        self.assertEqual(self.check(), [])

    def test_paths_of_one_machine_are_found(self):
        for path in ("/wo" "rk/main", "/ro" "ot/.cache", "/ho" "me/zoe/x"):
            with self.subTest(path):
                self.assert_found("one machine", "docs/x.md", f"see {path}\n")
        self.write("docs/x.md", "in /usr/share/work/x and /home/alice and https://x.example/work/y\n")
        self.assertEqual(self.check(), [])

    def test_package_registries_are_not_named(self):
        for host in ("registry." "example.org", "py" "pi.org"):
            with self.subTest(host):
                self.assert_found("registry", "docs/x.md", f"from {host}\n")

    def test_nothing_is_left_open(self):
        for word in ("TO" "DO", "FIX" "ME"):
            with self.subTest(word):
                self.assert_found("leaves something open", "docs/x.md", f"{word}: later\n")

    def test_bytes_are_not_read_as_text(self):
        self.write("docs/x.png", b"\0/wo" b"rk/main")
        self.assertEqual(self.check(), [])

    def test_unformatted_code_is_found(self):
        self.assert_found("not formatted", "src/a/a.cc", "int   f( ){return 1;}\n")

    def test_a_format_page_has_its_four_headings(self):
        self.assert_found("'Limits'", "docs/formats/a.md", "## Grammar\n## Example\n## Changelog\n")

    def test_links_between_pages_lead_somewhere(self):
        self.write("docs/b.md", "[format](formats/a.md#grammar-one) [folder](formats) [up](../README.md#x) [here](#its-own-part)\n"
                                "[web](https://x.example/gone) `[shown](gone.md)`\n```\n[shown](gone.md)\n```\n## Its own `part`\n")
        self.assertEqual(self.check(), [])
        for link in ("gone.md", "formats/gone.md", "/README.md", "../../README.md", "formats/a.md#gone", "#gone"):
            with self.subTest(link):
                self.assert_found(f"links to {link}", "docs/b.md", f"first line\n[x]({link})\n")
        self.assertIn("docs/b.md:2: ", self.check()[0])

    def test_readme_commands_exist(self):
        self.assert_found("no program ./tools/gone", "README.md", "```\n./tools/gone\n```\n")
        self.assert_found("`stele frobnicate`", "README.md", "```\nstele frobnicate --all\n```\n")
        self.write("README.md", "```\n$ build/release/bin/stele verify\n```\nstele frobnicate in prose\n")
        self.assertEqual(self.check(), [])

    def test_a_missing_readme_is_found(self):
        (self.root / "README.md").unlink()
        self.assertEqual(self.check(), ["README.md: is missing"])


if __name__ == "__main__":
    unittest.main()
