// SPDX-License-Identifier: Apache-2.0

// Package child is one end of a contestant in Go: commands come as lines of JSON and are answered by one line each, as in ../../child.ts.
package child

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// ItemsPerStream is that of ../../scenarios.ts.
const ItemsPerStream = 10_000

// MaxMessageBytes is what contestants with a limit are told to take.
const MaxMessageBytes = 40 << 20

// Client is one connection. Both calls give the lengths of the payloads that came.
type Client interface {
	Echo(payload []byte) (int, error)
	Download(count, payloadBytes int, onItem func(payloadBytes int)) error
}

// Contestant is a way to carry the service.
type Contestant struct {
	Serve   func() (port int, err error)
	Connect func(port int) (Client, error)
}

type scenario struct {
	Kind         string
	PayloadBytes int
	InFlight     int
}

type until struct {
	Operations int64
	ElapsedMs  float64
	MaximumMs  float64
}

type command struct {
	Name     string
	Scenario scenario
	Until    until
}

type usage struct {
	CPUMicros     int64 `json:"cpuMicros"`
	ResidentBytes int64 `json:"residentBytes"`
}

type result struct {
	Operations int64    `json:"operations"`
	ElapsedMs  float64  `json:"elapsedMs"`
	P50Micros  *float64 `json:"p50Micros,omitempty"`
	P99Micros  *float64 `json:"p99Micros,omitempty"`
	CPUMicros  int64    `json:"cpuMicros"`
}

// Main plays `server MODULE SETTING` or `client MODULE SETTING PORT` until the input ends.
func Main(c Contestant) {
	var client Client
	port, err := 0, error(nil)
	if os.Args[1] == "server" {
		port, err = c.Serve()
	} else if port, err = strconv.Atoi(os.Args[4]); err == nil {
		client, err = c.Connect(port)
	}
	answer(map[string]int{"port": port}, err)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var asked command
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			answer(nil, err)
			continue
		}
		answer(execute(client, asked))
	}
}

func answer(value any, err error) {
	reply := map[string]any{"ok": err == nil, "value": value}
	if err != nil {
		reply = map[string]any{"ok": false, "error": err.Error()}
	}
	line, _ := json.Marshal(reply)
	fmt.Println(string(line))
}

func execute(client Client, asked command) (any, error) {
	switch asked.Name {
	case "usage":
		return used()
	case "settle":
		debug.FreeOSMemory()
		return used()
	case "run":
		return run(client, asked.Scenario, asked.Until)
	default:
		return nil, fmt.Errorf("%s is not for a program, expected usage, settle or run", asked.Name)
	}
}

func used() (usage, error) {
	cpu, err := cpuMicros()
	if err != nil {
		return usage{}, err
	}
	resident := int64(0)
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		pages, _ := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
		resident = pages * int64(os.Getpagesize())
	}
	return usage{cpu, resident}, nil
}

func cpuMicros() (int64, error) {
	var all syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &all)
	return (all.Utime.Nano() + all.Stime.Nano()) / 1000, err
}

// What the workers of one load share.
type progress struct {
	until      until
	began      time.Time
	operations atomic.Int64
	done       atomic.Bool
}

func (p *progress) add(operations int64) {
	all := p.operations.Add(operations)
	elapsed := milliseconds(time.Since(p.began))
	if elapsed >= p.until.ElapsedMs && all >= p.until.Operations || elapsed >= p.until.MaximumMs {
		p.done.Store(true)
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func run(client Client, s scenario, until until) (*result, error) {
	work := map[string]func(Client, scenario, *progress) ([]float64, error){"unary": unary, "server-stream": download}[s.Kind]
	if work == nil {
		return nil, fmt.Errorf("%s is no load, expected unary or server-stream", s.Kind)
	}
	before, err := cpuMicros()
	if err != nil {
		return nil, err
	}
	p := &progress{until: until, began: time.Now()}
	latencies := make([][]float64, s.InFlight)
	failures := make([]error, s.InFlight)
	var workers sync.WaitGroup
	for at := range s.InFlight {
		workers.Add(1)
		go func() {
			defer workers.Done()
			if latencies[at], failures[at] = work(client, s, p); failures[at] != nil {
				p.done.Store(true)
			}
		}()
	}
	workers.Wait()
	elapsed := milliseconds(time.Since(p.began))
	after, err := cpuMicros()
	if err != nil {
		return nil, err
	}
	for _, failure := range failures {
		if failure != nil {
			return nil, failure
		}
	}
	all := slices.Concat(latencies...)
	slices.Sort(all)
	return &result{p.operations.Load(), elapsed, percentile(all, 0.5), percentile(all, 0.99), after - before}, nil
}

func unary(client Client, s scenario, p *progress) (latencies []float64, err error) {
	payload := make([]byte, s.PayloadBytes)
	for !p.done.Load() {
		began := time.Now()
		length, err := client.Echo(payload)
		if err == nil && length != s.PayloadBytes {
			err = fmt.Errorf("an answer carries %d bytes, expected %d", length, s.PayloadBytes)
		}
		if err != nil {
			return nil, err
		}
		latencies = append(latencies, float64(time.Since(began))/float64(time.Microsecond))
		p.add(1)
	}
	return latencies, nil
}

func download(client Client, s scenario, p *progress) ([]float64, error) {
	for !p.done.Load() {
		count, wrong := 0, 0
		err := client.Download(ItemsPerStream, s.PayloadBytes, func(length int) {
			count++
			if length != s.PayloadBytes {
				wrong++
			}
		})
		if err == nil && (count != ItemsPerStream || wrong > 0) {
			err = fmt.Errorf("a stream ended after %d items, %d of a wrong length", count, wrong)
		}
		if err != nil {
			return nil, err
		}
		p.add(int64(count))
	}
	return nil, nil
}

func percentile(sorted []float64, share float64) *float64 {
	if len(sorted) == 0 {
		return nil
	}
	return &sorted[min(len(sorted)-1, int(float64(len(sorted))*share))]
}
