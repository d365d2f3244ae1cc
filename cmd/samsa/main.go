// Command samsa is a Kafka-compatible distributed commit log in one binary.
package main

func main() {}
