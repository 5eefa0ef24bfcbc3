// A Go service with /debug/pprof whose handler keeps an entry for each path that it is asked for.
// It prints its address, and asks itself.
package main

import (
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime"
	"time"
)

type counter struct {
	hits int
	path string
	last [64]byte
}

var counters = map[string]*counter{}

func count(path string) {
	if counters[path] == nil {
		counters[path] = &counter{path: path}
	}
	counters[path].hits++
}

func main() {
	runtime.MemProfileRate = 16384
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("http://%s\n", listener.Addr())
	go http.Serve(listener, nil)
	for id := 0; ; id++ {
		count(fmt.Sprintf("/user/%d/cart?token=%x", id, id*7919))
		if id%100 == 99 {
			time.Sleep(5 * time.Millisecond)
		}
	}
}
