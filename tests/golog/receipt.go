package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// receipt is a C2SP tlog-proof whose extra data is the entry itself.
type receipt struct {
	entry      []byte
	index      int64
	proof      tlog.RecordProof
	checkpoint []byte
}

// checkReceipt says which entry the log's key vouches for.
func checkReceipt(file, vkey string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	r, err := parseReceipt(string(text))
	if err != nil {
		return "", fmt.Errorf("receipt: %w", err)
	}
	tree, err := openNote(r.checkpoint, vkey)
	if err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	if err := tlog.CheckRecord(r.proof, tree.N, tree.Hash, r.index, tlog.RecordHash(r.entry)); err != nil {
		return "", fmt.Errorf("inclusion of entry %d: %w", r.index, err)
	}
	return fmt.Sprintf("ok: entry %d of %d is %x", r.index, tree.N, r.entry), nil
}

func parseReceipt(text string) (receipt, error) {
	head, checkpoint, found := strings.Cut(text, "\n\n")
	lines := strings.Split(head, "\n")
	if !found || len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return receipt{}, errors.New("not a tlog-proof with extra data")
	}
	r := receipt{checkpoint: []byte(checkpoint)}
	if !strings.HasPrefix(lines[1], "extra ") || !strings.HasPrefix(lines[2], "index ") {
		return r, errors.New("no extra data, or no index")
	}
	var err error
	if r.entry, err = base64.StdEncoding.Strict().DecodeString(lines[1][len("extra "):]); err != nil {
		return r, err
	}
	index := lines[2][len("index "):]
	r.index, err = strconv.ParseInt(index, 10, 64)
	if err != nil || r.index < 0 || strconv.FormatInt(r.index, 10) != index {
		return r, fmt.Errorf("bad index %q", index)
	}
	for _, line := range lines[3:] {
		hash, err := parseHash(line)
		if err != nil {
			return r, err
		}
		r.proof = append(r.proof, hash)
	}
	return r, nil
}
