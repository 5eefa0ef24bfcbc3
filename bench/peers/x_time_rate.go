// The peer of limit_bench.c: golang.org/x/time/rate under the same load. Prints the nanoseconds of a
// call, the median of as many rounds as the harness takes.
package main

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"time"

	"golang.org/x/time/rate"
)

const rounds = 9

func round(limiter *rate.Limiter, now time.Time, gaps []time.Duration, calls int) float64 {
	allowed := 0
	start := time.Now()
	for i := 0; i < calls; i++ {
		now = now.Add(gaps[i%len(gaps)])
		if limiter.AllowN(now, 1) {
			allowed++
		}
	}
	ns := float64(time.Since(start).Nanoseconds()) / float64(calls)
	if allowed == 0 {
		os.Exit(1)
	}
	return ns
}

func main() {
	calls, err := strconv.Atoi(os.Args[1])
	if err != nil {
		os.Exit(2)
	}
	gaps := make([]time.Duration, 4096)
	random := uint64(42)
	for i := range gaps {
		random = random*6364136223846793005 + 1442695040888963407
		gaps[i] = time.Duration((random >> 33) % 100)
	}
	var took []float64
	for i := 0; i < rounds; i++ {
		limiter := rate.NewLimiter(10*1000*1000, 100)
		took = append(took, round(limiter, time.Unix(1, 0), gaps, calls))
	}
	sort.Float64s(took)
	fmt.Printf("%.2f\n", took[rounds/2])
}
