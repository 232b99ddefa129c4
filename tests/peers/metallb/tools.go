//go:build tools

// Package metallb names the programs of MetalLB that the benchmarks run beside sovnet.
package metallb

import (
	_ "go.universe.tf/metallb/controller"
	_ "go.universe.tf/metallb/speaker"
)
