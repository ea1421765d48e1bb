// Golog checks a tiled log (C2SP tlog-tiles) with the tree and note code of Go's module checksum database, which shares
// nothing with ours: checkpoint, every tile, every entry bundle, inclusion of entries, consistency with older sizes.
//
//	golog DIRECTORY|URL VKEYFILE [OLDSIZE[=ROOT]]...
//	golog --receipt FILE VKEYFILE
//
// The second form checks one C2SP tlog-proof whose extra data is the entry, and prints that.
// Exit status 0: all holds; 1: it does not, and standard error says what; 2: wrong usage.
package main

import (
	"fmt"
	"os"
	"strings"
)

func main() {
	if len(os.Args) == 4 && os.Args[1] == "--receipt" {
		finish(runReceipt(os.Args[2], os.Args[3]))
	}
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: golog DIRECTORY|URL VKEYFILE [OLDSIZE[=ROOT]]...\n       golog --receipt FILE VKEYFILE")
		os.Exit(2)
	}
	older, err := parseOlder(os.Args[3:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "golog:", err)
		os.Exit(2)
	}
	finish(run(os.Args[1], os.Args[2], older))
}

func finish(summary string, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "golog:", err)
		os.Exit(1)
	}
	fmt.Println(summary)
	os.Exit(0)
}

func readKey(file string) (string, error) {
	vkey, err := os.ReadFile(file)
	return strings.TrimSuffix(string(vkey), "\n"), err
}

func runReceipt(file, vkeyFile string) (string, error) {
	vkey, err := readKey(vkeyFile)
	if err != nil {
		return "", err
	}
	return checkReceipt(file, vkey)
}

func run(location, vkeyFile string, older []oldTree) (string, error) {
	vkey, err := readKey(vkeyFile)
	if err != nil {
		return "", err
	}
	files := openFiles(location)
	tree, err := openCheckpoint(files, vkey)
	if err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	log := newLog(files, tree)
	tiles, err := log.checkTiles()
	if err != nil {
		return "", err
	}
	if err := log.checkBundles(); err != nil {
		return "", err
	}
	proven, err := log.checkInclusion()
	if err != nil {
		return "", err
	}
	olds, err := log.checkConsistency(older)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("ok: size %d, %d tiles with their bundles, %d inclusion and %d consistency proofs",
		tree.N, tiles, proven, olds), nil
}
