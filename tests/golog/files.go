package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
	fileMax    = tileWidth*(2+65535) + 1 // a bundle of the largest entries, and a byte that must not be there
)

// files reads a file of the log by its path under the log's prefix; fs.ErrNotExist if there is none.
type files interface {
	read(path string) ([]byte, error)
}

func openFiles(location string) files {
	if strings.HasPrefix(location, "http://") || strings.HasPrefix(location, "https://") {
		return server{strings.TrimSuffix(location, "/"), &http.Client{Timeout: 30 * time.Second}}
	}
	return directory(location)
}

type directory string

func (d directory) read(path string) ([]byte, error) {
	file, err := os.Open(filepath.Join(string(d), filepath.FromSlash(path)))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, fileMax))
}

type server struct {
	prefix string
	client *http.Client
}

func (s server) read(path string) ([]byte, error) {
	response, err := s.client.Get(s.prefix + "/" + path)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotFound || response.StatusCode == http.StatusGone {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, fileMax))
}

// tilePath spells a tile as C2SP does: without the height, and "entries" for what Go calls "data".
func tilePath(tile tlog.Tile) string {
	path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight))
	return "tile/" + strings.Replace(path, "data/", "entries/", 1)
}

// tileReader gives tlog the tiles of a log, each read once.
type tileReader struct {
	files files
	cache map[tlog.Tile][]byte
}

func (r *tileReader) Height() int                         { return tileHeight }
func (r *tileReader) SaveTiles(_ []tlog.Tile, _ [][]byte) {}

func (r *tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		data, err := r.readTile(tile)
		if err != nil {
			return nil, err
		}
		if len(data) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%s: %d bytes instead of %d", tilePath(tile), len(data), tile.W*tlog.HashSize)
		}
		all = append(all, data)
	}
	return all, nil
}

func (r *tileReader) readTile(tile tlog.Tile) ([]byte, error) {
	if data, ok := r.cache[tile]; ok {
		return data, nil
	}
	data, full, err := readPartialOrFull(r.files, tile)
	if err != nil {
		return nil, err
	}
	if full && len(data) == tileWidth*tlog.HashSize {
		data = data[:tile.W*tlog.HashSize]
	}
	r.cache[tile] = data
	return data, nil
}

// readPartialOrFull reads a tile or bundle, or where it is partial and not there the full one, which may stand in for it.
func readPartialOrFull(files files, tile tlog.Tile) (data []byte, full bool, err error) {
	data, err = files.read(tilePath(tile))
	if tile.W == tileWidth || !errors.Is(err, fs.ErrNotExist) {
		return data, tile.W == tileWidth, err
	}
	whole := tile
	whole.W = tileWidth
	if data, fullErr := files.read(tilePath(whole)); !errors.Is(fullErr, fs.ErrNotExist) {
		return data, true, fullErr
	}
	return nil, false, err
}
