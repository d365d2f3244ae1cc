package replica

// Stats are how a Set fares.
type Stats struct {
	Partitions    int
	Lacking       int // placed here, but not created or opened yet
	DamagedRanges int64
	DisksFull     int
	DisksOffline  int
}

// Stats counts.
func (s *Set) Stats() Stats {
	var out Stats
	s.Each(func(*Partition) { out.Partitions++ })
	out.Lacking = int(s.lost.Load())
	for _, d := range s.Disks {
		out.DamagedRanges += d.damaged.Load()
		d.mu.Lock()
		if d.full {
			out.DisksFull++
		}
		if d.failed != nil {
			out.DisksOffline++
		}
		d.mu.Unlock()
	}
	return out
}
