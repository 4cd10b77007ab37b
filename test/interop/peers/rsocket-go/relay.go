// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
)

// relay passes bytes on between a client and the server until it is cut: then both ends lose their connection.
type relay struct {
	url      string
	listener net.Listener
	lock     sync.Mutex
	open     []net.Conn
}

func (p *peer) relay() (*relay, error) {
	at, err := url.Parse(p.options.connect)
	if err != nil {
		return nil, err
	}
	network, near, far := "tcp", "127.0.0.1:0", at.Host
	if at.Scheme == "unix" {
		folder, err := os.MkdirTemp("", "relay-")
		if err != nil {
			return nil, err
		}
		p.closers = append(p.closers, func() error { return os.RemoveAll(folder) })
		network, near, far = "unix", filepath.Join(folder, "socket"), pathOf(at)
	}
	listener, err := net.Listen(network, near)
	if err != nil {
		return nil, err
	}
	p.closers = append(p.closers, listener.Close)
	if network == "unix" {
		at.Opaque, at.Path = near, ""
	} else {
		at.Host = listener.Addr().String()
	}
	r := &relay{url: at.String(), listener: listener}
	go r.accept(network, far)
	return r, nil
}

func (r *relay) accept(network, far string) {
	for {
		near, err := r.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(network, far)
		if err != nil {
			_ = near.Close()
			continue
		}
		r.lock.Lock()
		r.open = append(r.open, near, server)
		r.lock.Unlock()
		for _, way := range [][2]net.Conn{{near, server}, {server, near}} {
			go func() {
				_, _ = io.Copy(way[0], way[1])
				_, _ = near.Close(), server.Close()
			}()
		}
	}
}

func (r *relay) cut() {
	r.lock.Lock()
	defer r.lock.Unlock()
	for _, end := range r.open {
		if tcp, ok := end.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // RST, as of a server that died
		}
		_ = end.Close()
	}
	r.open = nil
}
