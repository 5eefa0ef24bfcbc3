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
	"time"
)

// A form serves the requests of one case.
type form func(id int, path string)

var cases = map[string]map[string]form{
	"gateway":        {"faulty": gatewayFaulty, "fixed": gatewayFixed},
	"slices":         {"faulty": slicesFaulty, "fixed": slicesFixed},
	"log-aggregator": {"faulty": aggregatorFaulty, "fixed": aggregatorFixed},
	"metrics":        {"faulty": metricsFaulty, "fixed": metricsFixed},
	"heartbeat":      {"faulty": heartbeatFaulty, "fixed": heartbeatFixed},
}

// Requests after which its address is told.
const warmUp = 1000

func drive(address string, rate int) {
	step := time.Second / time.Duration(rate)
	next := time.Now()
	for id := 0; ; id++ {
		next = next.Add(step)
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
	go drive(listener.Addr().String(), rate)
	fmt.Fprintln(os.Stderr, http.Serve(listener, nil))
	os.Exit(3)
}
