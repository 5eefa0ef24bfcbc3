// The laboratory's faults as a Go service: labgo CASE faulty|fixed [RATE]. It prints its address,
// once it is warm, serves /debug/pprof, and asks itself over loopback, RATE requests a second, until
// it is ended.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"
)

// A form serves the requests of one case.
type form func(id int, path string)

var cases = map[string]map[string]form{
	"gateway":           {"faulty": gatewayFaulty, "fixed": gatewayFixed},
	"gateway-state":     {"faulty": gatewayStateFaulty, "fixed": gatewayStateFixed},
	"slices":            {"faulty": slicesFaulty, "fixed": slicesFixed},
	"log-aggregator":    {"faulty": aggregatorFaulty, "fixed": aggregatorFixed},
	"metrics":           {"faulty": metricsFaulty, "fixed": metricsFixed},
	"heartbeat":         {"faulty": heartbeatFaulty, "fixed": heartbeatFixed},
	"coarse":            {"faulty": coarseFaulty, "fixed": coarseFixed},
	"pseudo-window":     {"faulty": pseudoWindowFaulty, "fixed": pseudoWindowFixed},
	"cache-penetration": {"faulty": cachePenetrationFaulty, "fixed": cachePenetrationFixed},
}

// Requests after which its address is told.
const warmUp = 1000

// A window that is full follows the load: that of `coarse` is a third for six seconds of twelve, and
// high enough for collections to be frequent, since profiles change with them alone.
const swing = 6 * time.Second
const coarseRate = 1500

func drive(address string, rate int, swings bool) {
	step := time.Second / time.Duration(rate)
	begun := time.Now()
	next := begun
	for id := 0; ; id++ {
		next = next.Add(step)
		if swings && next.Sub(begun)/swing%2 == 1 {
			next = next.Add(2 * step)
		}
		time.Sleep(time.Until(next))
		answer, err := http.Get(fmt.Sprintf("http://%s/users/%d/orders", address, id*7919%1000000007))
		if err != nil {
			continue
		}
		io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if id == warmUp {
			fmt.Printf("http://%s\n", address)
		}
	}
}

func main() {
	if len(os.Args) < 3 || cases[os.Args[1]][os.Args[2]] == nil {
		fmt.Fprintln(os.Stderr, "usage: labgo CASE faulty|fixed [RATE]")
		os.Exit(2)
	}
	rate := 500
	if os.Args[1] == "coarse" {
		rate = coarseRate
	}
	if len(os.Args) > 3 {
		rate, _ = strconv.Atoi(os.Args[3])
	}
	if rate < 1 {
		fmt.Fprintln(os.Stderr, "labgo: RATE is a number from 1 on")
		os.Exit(2)
	}
	runtime.MemProfileRate = 4096
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	serve := cases[os.Args[1]][os.Args[2]]
	count := make(chan int, 1)
	count <- 0
	http.HandleFunc("/users/", func(w http.ResponseWriter, r *http.Request) {
		id := <-count // one at a time, as the cases want it
		serve(id, r.URL.Path)
		count <- id + 1
	})
	http.HandleFunc("/backend-calls", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, atomic.LoadInt64(&backendCalls))
	})
	go drive(listener.Addr().String(), rate, os.Args[1] == "coarse")
	fmt.Fprintln(os.Stderr, http.Serve(listener, nil))
	os.Exit(3)
}
