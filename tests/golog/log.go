package main

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	allProvenMax = 2000 // up to this size every entry's inclusion is proven,
	spreadProofs = 500  // beyond it that many, spread evenly, and those at the edges of tiles
)

// log is a tree signed by a checkpoint. hashes authenticates every tile it reads against the signed root.
type log struct {
	files  files
	tree   tlog.Tree
	hashes tlog.HashReader
	leaves []tlog.Hash // of the entries in the bundles, once checkBundles has passed
}

func newLog(files files, tree tlog.Tree) *log {
	reader := &tileReader{files, make(map[tlog.Tile][]byte)}
	return &log{files: files, tree: tree, hashes: tlog.TileHashReader(tree, reader)}
}

// tilesAt lists the tiles of one level for the log's size.
func (l *log) tilesAt(level int) []tlog.Tile {
	var tiles []tlog.Tile
	for left, n := l.tree.N>>(tileHeight*level), int64(0); left > 0; n++ {
		width := min(left, tileWidth)
		tiles = append(tiles, tlog.Tile{H: tileHeight, L: level, N: n, W: int(width)})
		left -= width
	}
	return tiles
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}

// tileHashes returns the hashes of a tile, proven to be in the signed tree.
func (l *log) tileHashes(tile tlog.Tile) ([]tlog.Hash, error) {
	indexes := make([]int64, tile.W)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(tileHeight*tile.L, tile.N*tileWidth+int64(i))
	}
	hashes, err := l.hashes.ReadHashes(indexes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tilePath(tile), err)
	}
	return hashes, nil
}

func (l *log) checkTiles() (count int, err error) {
	if l.tree.N == 0 {
		if l.tree.Hash != sha256.Sum256(nil) { // Debian's x/mod says zeros
			return 0, errors.New("checkpoint: not the root of an empty tree")
		}
		return 0, nil
	}
	var below []tlog.Hash
	for level := 0; l.tree.N>>(tileHeight*level) > 0; level++ {
		var hashes []tlog.Hash
		for _, tile := range l.tilesAt(level) {
			read, err := l.tileHashes(tile)
			if err != nil {
				return 0, err
			}
			if err := checkAgainst(below, tile, read); err != nil {
				return 0, err
			}
			hashes = append(hashes, read...)
			count++
		}
		if level == 0 && rootOf(hashes) != l.tree.Hash {
			return 0, errors.New("tile/0: its hashes do not give the checkpoint's root")
		}
		below = hashes
	}
	return count, nil
}

// checkAgainst compares a tile with the tiles that its hashes stand for, of the level below. Debian's x/mod would do it, but
// leaves some tiles out: it takes the subtrees of the tree's root for as many tiles.
func checkAgainst(below []tlog.Hash, tile tlog.Tile, hashes []tlog.Hash) error {
	for i, hash := range hashes {
		at := (tile.N*tileWidth + int64(i)) * tileWidth
		if tile.L > 0 && rootOf(below[at:at+tileWidth]) != hash {
			return fmt.Errorf("%s: hash %d is not that of the tile below", tilePath(tile), i)
		}
	}
	return nil
}

// rootOf is RFC 6962's MTH of a tree whose leaves, hashed, are these: at least one.
func rootOf(hashes []tlog.Hash) tlog.Hash {
	if len(hashes) == 1 {
		return hashes[0]
	}
	left := 1
	for left*2 < len(hashes) {
		left *= 2
	}
	return tlog.NodeHash(rootOf(hashes[:left]), rootOf(hashes[left:]))
}

// checkBundles compares every entry with its hash in the tile of level 0 (tlog-tiles, "Log entries").
func (l *log) checkBundles() error {
	for _, tile := range l.tilesAt(0) {
		bundle := tile
		bundle.L = -1
		entries, err := l.readBundle(bundle)
		if err != nil {
			return fmt.Errorf("%s: %w", tilePath(bundle), err)
		}
		hashes, err := l.tileHashes(tile)
		if err != nil {
			return err
		}
		for i, entry := range entries {
			if tlog.RecordHash(entry) != hashes[i] {
				return fmt.Errorf("%s: entry %d is not the one whose hash is in %s", tilePath(bundle), i, tilePath(tile))
			}
		}
		l.leaves = append(l.leaves, hashes...)
	}
	return nil
}

func (l *log) readBundle(bundle tlog.Tile) ([][]byte, error) {
	data, full, err := readPartialOrFull(l.files, bundle)
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for len(entries) < bundle.W {
		if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
			return nil, fmt.Errorf("ends within entry %d", len(entries))
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		entries = append(entries, data[2:end])
		data = data[end:]
	}
	if len(data) != 0 && !(full && bundle.W < tileWidth) {
		return nil, fmt.Errorf("%d bytes behind its last entry", len(data))
	}
	return entries, nil
}

func (l *log) checkInclusion() (proven int, err error) {
	for _, i := range l.chosen() {
		proof, err := tlog.ProveRecord(l.tree.N, i, l.hashes)
		if err == nil {
			err = tlog.CheckRecord(proof, l.tree.N, l.tree.Hash, i, l.leaves[i])
		}
		if err != nil {
			return 0, fmt.Errorf("inclusion of entry %d: %w", i, err)
		}
		proven++
	}
	return proven, nil
}

// chosen lists the entries whose inclusion is proven.
func (l *log) chosen() []int64 {
	var indexes []int64
	if l.tree.N <= allProvenMax {
		for i := int64(0); i < l.tree.N; i++ {
			indexes = append(indexes, i)
		}
		return indexes
	}
	for k := int64(0); k < spreadProofs; k++ {
		indexes = append(indexes, l.tree.N/spreadProofs*k)
	}
	lastTile := l.tree.N / tileWidth * tileWidth
	for _, i := range []int64{0, 255, 256, 65535, 65536, lastTile - 1, lastTile, l.tree.N - 1} {
		if i < l.tree.N {
			indexes = append(indexes, i)
		}
	}
	return indexes
}

// checkConsistency proves that the log extends its older self: at the sizes asked for, and at some of its own choosing.
func (l *log) checkConsistency(older []oldTree) (proven int, err error) {
	for _, n := range []int64{1, 2, 255, 256, 257, l.tree.N / 2, l.tree.N / tileWidth * tileWidth, l.tree.N - 1, l.tree.N} {
		if n >= 1 && n <= l.tree.N {
			older = append(older, oldTree{n: n})
		}
	}
	for _, old := range older {
		if err := l.checkOld(old); err != nil {
			return 0, fmt.Errorf("consistency with size %d: %w", old.n, err)
		}
	}
	return len(older), nil
}

func (l *log) checkOld(old oldTree) error {
	if old.n > l.tree.N {
		return fmt.Errorf("the log has shrunk to %d", l.tree.N)
	}
	root, err := tlog.TreeHash(old.n, l.hashes)
	if err != nil {
		return err
	}
	if old.hash != nil && root != *old.hash {
		return fmt.Errorf("its root was %v, and would be %v now", *old.hash, root)
	}
	proof, err := tlog.ProveTree(l.tree.N, old.n, l.hashes)
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, l.tree.N, l.tree.Hash, old.n, root)
}
