// For a sanitized build of a program that is installed set-gid: a leak checker has to trace its
// process, which such a one forbids, and its options are not read there. All else is checked.
extern "C" int
__lsan_is_turned_off();  // NOLINT(bugprone-reserved-identifier): LeakSanitizer's name
extern "C" int __lsan_is_turned_off() { return 1; }  // NOLINT(bugprone-reserved-identifier)
