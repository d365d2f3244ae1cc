// Command samsa is a Kafka-compatible distributed commit log in one binary.
package main

import (
	"os"

	"github.com/samsa-project/samsa/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
