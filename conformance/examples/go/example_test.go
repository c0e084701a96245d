package clockbound_test

import (
	"fmt"

	"example.com/clockbound"
)

func Example() {
	clock, err := clockbound.Open(clockbound.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer clock.Close()

	interval, err := clock.Now()
	if err != nil {
		fmt.Println(err)
		return
	}
	if interval.Status == clockbound.Synchronized || interval.Status == clockbound.FreeRunning {
		fmt.Println(interval.EarliestNS, interval.LatestNS) // true time is in between
	}
}
