// A service in small, in one of several faulty or healthy forms, which records its own profiles:
// service FORM FOLDER. The collector's trace goes to standard error when GODEBUG asks.
package main

import (
	"container/list"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"time"
)

const (
	turns        = 500
	turn         = 40 * time.Millisecond
	profileEvery = 30 // turns
	requests     = 200
	windowTurns  = 150
)

type session struct {
	key   string
	count int
	pad   [48]byte
}

var (
	sessions  = map[string]*session{}
	held      [][]byte
	stuck     = make(chan int)
	events    []*event
	oldest    int
	cached    = list.New()
	lookup    = map[int]*list.Element{}
	batch     [][]byte
	garbage   []byte
	requestID int
)

type event struct {
	at   int
	body [200]byte
}

// unbounded-keys: whatever a client sends becomes a key.
func countByKey(id int) {
	key := fmt.Sprintf("/user/%d/profile?token=%x", id, id*7919)
	if sessions[key] == nil {
		sessions[key] = &session{key: key}
	}
	sessions[key].count++
}

// timer-pileup: each wait leaves a timer that fires in an hour.
func waitWithTimeout(done chan int) {
	select {
	case <-done:
	case <-time.After(time.Hour):
	}
}

// task-leak: nobody ever receives what it sends.
func startWorker() {
	go func() { stuck <- 1 }()
}

// retained-array: a few bytes of each body keep all of it.
func keepHead(id int) {
	body := make([]byte, 0, 64)
	for i := 0; i < 32; i++ {
		body = append(body, garbage[:512]...)
	}
	held = append(held, body[:16:16])
}

// coarse-window: every event of the last 150 turns, however many there are.
func recordEvent(now int) {
	events = append(events, &event{at: now})
	for oldest < len(events) && events[oldest].at+windowTurns < now {
		events[oldest] = nil
		oldest++
	}
	if oldest > len(events)/2 {
		events = append([]*event(nil), events[oldest:]...)
		oldest = 0
	}
}

// healthy: the last 20,000 answers.
func cachedAnswer(id int) {
	lookup[id] = cached.PushFront(make([]byte, 1024))
	if cached.Len() > 20000 {
		cached.Remove(cached.Back())
		delete(lookup, id-20000)
	}
}

// healthy: gathered, then sent.
func gather(id int) {
	batch = append(batch, make([]byte, 1024))
	if len(batch) == 12000 {
		batch = nil
	}
}

func serve(form string, now int) {
	done := make(chan int, 1)
	garbage = make([]byte, 2048)
	requestID++
	switch form {
	case "keys":
		countByKey(requestID)
	case "timers":
		done <- 1
		waitWithTimeout(done)
	case "tasks":
		startWorker()
	case "arrays":
		if requestID%16 == 0 {
			keepHead(requestID)
		}
	case "window":
		recordEvent(now)
	case "cache":
		cachedAnswer(requestID)
	case "saw":
		gather(requestID)
	}
}

func record(folder, name string, number int) {
	path := filepath.Join(folder, fmt.Sprintf("%s.%03d.pb.gz", name, number))
	file, err := os.Create(path)
	if err == nil {
		err = pprof.Lookup(name).WriteTo(file, 0)
		file.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	runtime.MemProfileRate = 65536
	form, folder := os.Args[1], os.Args[2]
	begin := time.Now()
	for now := 0; now < turns; now++ {
		count := requests
		if form == "window" {
			count = int(300 * (1.3 + math.Sin(float64(now)/60)))
		}
		for i := 0; i < count; i++ {
			serve(form, now)
		}
		if now%profileEvery == 0 {
			record(folder, "heap", now/profileEvery)
			record(folder, "goroutine", now/profileEvery)
		}
		time.Sleep(time.Until(begin.Add(time.Duration(now+1) * turn)))
	}
}
