// profiles OUT: writes one profile of each kind that Go makes, of a small program whose shape is
// known: recursion, inlined functions, labels, several goroutines that wait.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"
)

var kept [][]byte

func leaf(size int) []byte { return make([]byte, size) }

func keep(size int) { kept = append(kept, leaf(size)) }

//go:noinline
func descend(depth, size int) {
	if depth > 0 {
		keep(size)
		descend(depth-1, size)
		return
	}
	keep(2 * size)
}

//go:noinline
func cache(entries int) map[string][]byte {
	found := map[string][]byte{}
	for i := 0; i < entries; i++ {
		found[fmt.Sprint("key", i)] = make([]byte, 200)
	}
	return found
}

//go:noinline
func churn(rounds int) {
	for i := 0; i < rounds; i++ {
		_ = leaf(50000)
	}
}

//go:noinline
func wait(group *sync.WaitGroup, stop chan struct{}) {
	group.Done()
	<-stop
}

//go:noinline
func contend(lock *sync.Mutex, done *sync.WaitGroup) {
	for i := 0; i < 50; i++ {
		lock.Lock()
		time.Sleep(20 * time.Microsecond)
		lock.Unlock()
	}
	done.Done()
}

func write(folder, name string, debug int) {
	ending := ".pb.gz"
	if debug > 0 {
		ending = ".txt"
	}
	file, err := os.Create(filepath.Join(folder, name+ending))
	if err == nil {
		err = pprof.Lookup(name).WriteTo(file, debug)
	}
	if err == nil {
		err = file.Close()
	}
	if err != nil {
		panic(err)
	}
}

func main() {
	runtime.MemProfileRate = 4096
	runtime.SetMutexProfileFraction(1)
	runtime.SetBlockProfileRate(1)
	folder := os.Args[1]
	descend(20, 3000)
	descend(3, 100000)
	found := cache(3000)
	churn(100)
	var started, done sync.WaitGroup
	stop := make(chan struct{})
	for i := 0; i < 5; i++ {
		started.Add(1)
		labels := pprof.Labels("worker", fmt.Sprint(i%2))
		pprof.Do(context.Background(), labels, func(context.Context) { go wait(&started, stop) })
	}
	var lock sync.Mutex
	for i := 0; i < 4; i++ {
		done.Add(1)
		go contend(&lock, &done)
	}
	started.Wait()
	done.Wait()
	runtime.GC()
	runtime.GC() // what was allocated since the last one counts only now
	for _, name := range []string{"heap", "allocs", "goroutine", "mutex", "block"} {
		write(folder, name, 0)
	}
	write(folder, "heap", 1)
	write(folder, "goroutine", 1)
	close(stop)
	fmt.Println(kept[0][0], found["key0"][0], len(kept), len(found))
}
