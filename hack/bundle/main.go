// Command bundle joins the server and the programs that it carries into one file: the server, followed by
// a zip archive of the programs. An executable's tail is never mapped, so what is carried costs no memory.
//
//	bundle -o bin/coxswain build/coxswain build/programs/*
package main

import (
	"archive/zip"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

func main() {
	out := flag.String("o", "", "file to write")
	flag.Parse()
	if *out == "" || flag.NArg() < 2 {
		fmt.Fprintln(os.Stderr, "usage: bundle -o FILE SERVER PROGRAM...")
		os.Exit(2)
	}
	if err := run(*out, flag.Arg(0), flag.Args()[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bundle:", err)
		os.Exit(1)
	}
}

func run(out, server string, programs []string) (err error) {
	temporary := out + ".new"
	file, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	defer func() {
		if closing := file.Close(); err == nil {
			err = closing
		}
		if err == nil {
			err = os.Rename(temporary, out)
		}
	}()
	size, err := appendFile(file, server)
	if err != nil {
		return fmt.Errorf("copying the server: %w", err)
	}
	archive := zip.NewWriter(file)
	archive.SetOffset(size)
	archive.RegisterCompressor(zstd.ZipMethodWinZip, zstd.ZipCompressor(zstd.WithEncoderLevel(zstd.SpeedBetterCompression)))
	digest := sha256.New()
	for _, program := range programs {
		header := &zip.FileHeader{Name: filepath.Base(program), Method: zstd.ZipMethodWinZip}
		header.SetMode(0o755)
		entry, err := archive.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := appendFile(io.MultiWriter(entry, digest), program); err != nil {
			return fmt.Errorf("adding %s: %w", program, err)
		}
	}
	// The digest of all programs names the folder that they are unpacked into.
	if err := archive.SetComment(fmt.Sprintf("%x", digest.Sum(nil))[:16]); err != nil {
		return err
	}
	return archive.Close()
}

func appendFile(to io.Writer, name string) (int64, error) {
	from, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer from.Close()
	return io.Copy(to, from)
}
