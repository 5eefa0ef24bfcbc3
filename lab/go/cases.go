package main

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// timer-pileup: a ticker for each request, never stopped.
type bucket struct{ tokens int }

var buckets [1000]bucket

func gatewayFaulty(id int, _ string) {
	startTicker(&buckets[id%len(buckets)])
}

func startTicker(b *bucket) {
	ticker := time.NewTicker(time.Minute)
	b.tokens--
	_ = ticker
}

// A bucket is refilled by looking at the time.
var refilled [1000]time.Time

func gatewayFixed(id int, _ string) {
	place := id % len(buckets)
	if now := time.Now(); now.Sub(refilled[place]) > time.Minute {
		refilled[place] = now
		buckets[place].tokens = 1000
	}
	buckets[place].tokens--
}

// retained-array: views of a window keep each array that it ever had.
type event struct{ at, value int64 }

var window []event
var reports [][]event

func slicesFaulty(id int, _ string) {
	window = appendEvent(window, event{int64(id), int64(id)})
	if len(window) > 200 {
		window = window[1:]
	}
	if id%50 == 0 {
		reports = append(reports, window)
	}
}

func appendEvent(events []event, one event) []event {
	return append(events, one)
}

// A ring made once; a report has its own copy, and the last ten are kept.
var ring [200]event
var lastReports [10][]event

func slicesFixed(id int, _ string) {
	ring[id%len(ring)] = event{int64(id), int64(id)}
	if id%50 == 0 {
		lastReports[id/50%len(lastReports)] = append([]event(nil), ring[:20]...)
	}
}

// task-leak: a goroutine for each client that waits for lines alone.
func aggregatorFaulty(id int, _ string) {
	if id%20 == 0 {
		startAggregator(make(chan string))
	}
}

func startAggregator(lines chan string) {
	go func() {
		buffer := make([]byte, 4096)
		for line := range lines {
			copy(buffer, line)
		}
	}()
}

// It ends with its client's context.
var endClient context.CancelFunc = func() {}

func aggregatorFixed(id int, _ string) {
	if id%20 != 0 {
		return
	}
	endClient()
	client, end := context.WithCancel(context.Background())
	endClient = end
	go func(lines chan string) {
		buffer := make([]byte, 4096)
		for {
			select {
			case line := <-lines:
				copy(buffer, line)
			case <-client.Done():
				return
			}
		}
	}(make(chan string))
}

// unbounded-keys: a window for each URL as it came.
type latency struct{ slots [12]int64 }

var byPath = map[string]*latency{}

func metricsFaulty(id int, path string) {
	observe(path, id)
}

func observe(path string, id int) {
	if byPath[path] == nil {
		byPath[path] = &latency{}
	}
	byPath[path].slots[id/100%12]++
}

// Without what names one thing alone.
func metricsFixed(id int, path string) {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if strings.Trim(part, "0123456789") == "" && part != "" {
			parts[i] = ":id"
		}
	}
	observe(strings.Join(parts, "/"), id)
}

// timer-pileup: a time-out for each beat; the one before is not stopped.
func heartbeatFaulty(id int, _ string) {
	startTimeout(id)
}

func startTimeout(id int) {
	time.AfterFunc(10*time.Minute, func() { buckets[id%len(buckets)].tokens = 0 })
}

// One timer a connection, moved by each beat.
var pulses [100]*time.Timer

func heartbeatFixed(id int, _ string) {
	place := id % len(pulses)
	if pulses[place] == nil {
		pulses[place] = time.AfterFunc(10*time.Minute, func() {})
	}
	pulses[place].Reset(10 * time.Minute)
}

// unbounded-keys: the state of each request, also when it is over.
type requestState struct{ slots [12]int64 }

var states = map[int]*requestState{}

func gatewayStateFaulty(id int, _ string) {
	openState(id).slots[0]++
}

func openState(id int) *requestState {
	state := &requestState{}
	states[id] = state
	return state
}

// It goes with its request.
func gatewayStateFixed(id int, _ string) {
	openState(id).slots[0]++
	defer delete(states, id)
}

// coarse-window: each event of the last five seconds is kept, in place of a hundred milliseconds.
type point struct {
	at     time.Time
	labels [400]byte
	next   *point
}

const coarseSpan = 5 * time.Second

var oldest, newest *point

func coarseFaulty(id int, _ string) {
	now := time.Now()
	for oldest != nil && now.Sub(oldest.at) > coarseSpan {
		oldest = oldest.next
	}
	keepPoint(now)
}

func keepPoint(now time.Time) {
	one := &point{at: now}
	if oldest == nil {
		oldest = one
	} else {
		newest.next = one
	}
	newest = one
}

// Counts by bucket, whatever the span.
var counts [50]int64

func coarseFixed(id int, _ string) {
	counts[time.Now().UnixMilli()/100%int64(len(counts))]++
}

// timer-pileup: a fresh time-out for each item, which outlives the item.
var items = make(chan int)
var handled int

func pseudoWindowFaulty(id int, _ string) {
	startOnce.Do(func() { go receiveFaulty() })
	items <- id
}

func receiveFaulty() {
	for {
		receiveOne()
	}
}

func receiveOne() {
	select {
	case <-items:
		handled++
	case <-time.After(10 * time.Minute):
		handled = 0
	}
}

// One timer, moved by each item.
func pseudoWindowFixed(id int, _ string) {
	startOnce.Do(func() { go receiveFixed() })
	items <- id
}

func receiveFixed() {
	quiet := time.NewTimer(10 * time.Minute)
	for {
		select {
		case <-items:
			handled++
			if !quiet.Stop() {
				<-quiet.C
			}
			quiet.Reset(10 * time.Minute)
		case <-quiet.C:
			handled = 0
			quiet.Reset(10 * time.Minute)
		}
	}
}

var startOnce sync.Once

// No fault of memory: keys that do not exist go through the cache to a slow store.
var backendCalls int64
var missing [1 << 16]bool // which of a bounded set of keys is known to be missing

func askBackend() {
	atomic.AddInt64(&backendCalls, 1)
	time.Sleep(time.Millisecond)
}

func cachePenetrationFaulty(id int, _ string) {
	askBackend()
}

func cachePenetrationFixed(id int, _ string) {
	if key := id % 100; !missing[key] {
		askBackend()
		missing[key] = true
	}
}
