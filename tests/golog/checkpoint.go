package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// openCheckpoint verifies the log's signature and reads the tree it states (C2SP tlog-checkpoint).
func openCheckpoint(files files, vkey string) (tlog.Tree, error) {
	message, err := files.read("checkpoint")
	if err != nil {
		return tlog.Tree{}, err
	}
	return openNote(message, vkey)
}

func openNote(message []byte, vkey string) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(message, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 {
		return tlog.Tree{}, fmt.Errorf("%d lines instead of three", len(lines)-1)
	}
	if lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("origin %q, but key of %q", lines[0], verifier.Name())
	}
	return parseTree(lines[1], lines[2])
}

func parseTree(size, root string) (tlog.Tree, error) {
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != size {
		return tlog.Tree{}, fmt.Errorf("bad size %q", size)
	}
	hash, err := parseHash(root)
	return tlog.Tree{N: n, Hash: hash}, err
}

func parseHash(text string) (hash tlog.Hash, err error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return hash, err
	}
	if len(raw) != tlog.HashSize {
		return hash, errors.New("a hash that is not 32 bytes")
	}
	copy(hash[:], raw)
	return hash, nil
}

// oldTree is an older size of the log; with hash, if the caller remembers its root.
type oldTree struct {
	n    int64
	hash *tlog.Hash
}

func parseOlder(args []string) ([]oldTree, error) {
	var older []oldTree
	for _, arg := range args {
		size, root, hasRoot := strings.Cut(arg, "=")
		n, err := strconv.ParseInt(size, 10, 64)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("not an older size: %q", arg)
		}
		old := oldTree{n: n}
		if hasRoot {
			hash, err := parseHash(root)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", arg, err)
			}
			old.hash = &hash
		}
		older = append(older, old)
	}
	return older, nil
}
