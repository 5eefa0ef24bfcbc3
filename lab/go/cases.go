package main

import (
	"context"
	"strings"
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
