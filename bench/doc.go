// Command bench measures Samsa and Apache Kafka, or two builds of Samsa, in one run on one host, and writes what it found to results.
//
// Nouns. A system is what is measured: Samsa or Kafka, or a binary of Samsa. A promise is what an acknowledgement of acks=all means on one
// node: pagecache (the operating system has it) or fsync (the disk has it); a pair is one process of each system, started in fresh folders
// with the same promise. A cell is one kind of load with its sizes; its name is its parts joined by slashes. A measurement is one system under
// one cell's load, on a fresh topic, while the other system's process is stopped; it yields figures. A round is one measurement of A, then one
// of B. A ratio is A's figure divided by B's of the same round, so that what disturbs the machine for minutes disturbs both. GB is 10^9 bytes
// of record values before compression, MB 10^6.
package main
