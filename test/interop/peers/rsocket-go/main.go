// SPDX-License-Identifier: Apache-2.0

// The interop peer on rsocket-go: `peer server …` and `peer client …`, with the arguments of ../../server.ts and ../../client.ts.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/rsocket/rsocket-go/logger"
)

// What both programs are told.
type options struct {
	listen        many
	connect       string
	cases         string
	composite     bool
	quick         bool
	resume        bool
	mtu           int
	lease         uint
	cert, key, ca string
}

// An argument that may come several times.
type many []string

func (m *many) String() string        { return strings.Join(*m, " ") }
func (m *many) Set(text string) error { *m = append(*m, text); return nil }

func readOptions(args []string) *options {
	var o options
	var mode string
	flags := flag.NewFlagSet("peer", flag.ExitOnError)
	flags.Var(&o.listen, "listen", "URL to listen at")
	flags.StringVar(&o.connect, "connect", "", "URL of the server")
	flags.StringVar(&o.cases, "case", "all", "names of cases, with commas between")
	flags.StringVar(&mode, "mode", "rpc", "rpc or composite")
	flags.BoolVar(&o.quick, "quick", false, "a tenth of the calls where there are many")
	flags.BoolVar(&o.resume, "resume", false, "sessions outlive their links")
	flags.IntVar(&o.mtu, "mtu", 0, "longest frame to send")
	flags.UintVar(&o.lease, "lease", 0, "requests a second")
	flags.StringVar(&o.cert, "cert", "", "PEM file")
	flags.StringVar(&o.key, "key", "", "PEM file")
	flags.StringVar(&o.ca, "ca", "", "PEM file")
	_ = flags.Parse(args)
	o.composite = mode == "composite"
	return &o
}

func main() {
	logger.SetLevel(logger.LevelError)
	programs := map[string]func(*options) error{"server": runServer, "client": runClient}
	if len(os.Args) < 2 || programs[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: peer server|client …")
		os.Exit(2)
	}
	if err := programs[os.Args[1]](readOptions(os.Args[2:])); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
