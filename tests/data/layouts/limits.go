// The layouts of a rate limiter and of a hash's state, as the compiler has them.
package main

import (
	"crypto/sha256"
	"unsafe"

	"golang.org/x/time/rate"
)

func main() {
	limiter := rate.NewLimiter(10, 20)
	digest := sha256.New()
	println(limiter.Allow(), digest.Size(), unsafe.Sizeof(*limiter))
}
