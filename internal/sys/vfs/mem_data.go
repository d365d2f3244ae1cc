package vfs

import (
	"maps"
	"slices"
)

// Bounds of what a file remembers between two syncs. Older states than these
// can no longer be what a crash leaves, which makes crashes milder, never wrong.
const (
	maxPageVersions = 4
	maxSizeEvents   = 64 // truncates are kept beyond it: later pages depend on them
)

// memData is the bytes of a file as it reads now, as they were at the last
// sync, and the steps between: what a crash may leave is made of these.
type memData struct {
	cur, synced image
	dirty       map[int64][]pageVersion // by page, oldest first; not empty
	sizes       []sizeEvent             // oldest first
	cuts        []int64                 // the sizes of the truncates among sizes

	// Pages [reserveFrom, reserveTo) were preallocated; unwritten counts those
	// of them that are holes and paid for.
	reserveFrom, reserveTo, unwritten int64
}

// pageVersion is a page as one write left it; cuts counts the truncates before.
type pageVersion struct {
	page *page
	cuts int
}

// sizeEvent is a change of length, by a write beyond the end or by a truncate.
type sizeEvent struct {
	size int64
	cut  bool
}

// held is the room that the file takes, in pages.
func (d *memData) held() int64 { return d.cur.held + d.unwritten }

func (d *memData) isDirty() bool { return len(d.dirty) > 0 || len(d.sizes) > 0 }

func (d *memData) sync() {
	if d.isDirty() {
		d.synced, d.dirty, d.sizes, d.cuts = d.cur.fork(), nil, nil, nil
	}
}

// costs reports whether writing page i takes room not yet paid for.
func (d *memData) costs(i int64) bool {
	return d.cur.page(i) == nil && (i < d.reserveFrom || i >= d.reserveTo)
}

// write changes the bytes of one page; b does not reach beyond it.
func (d *memData) write(b []byte, offset int64) {
	i := offset / pageSize
	before, after := d.cur.page(i), new(page)
	if before != nil {
		*after = *before
	}
	copy(after[offset%pageSize:], b)
	if before == nil && !d.costs(i) {
		d.unwritten--
	}
	d.setPage(i, after)
	if end := offset + int64(len(b)); end > d.cur.size {
		d.cur.size = end
		d.sizeChanged(sizeEvent{size: end})
	}
}

func (d *memData) setPage(i int64, p *page) {
	d.cur.set(i, p)
	versions := d.dirty[i]
	if len(versions) == maxPageVersions {
		versions = slices.Delete(versions, 0, 1)
	}
	if d.dirty == nil {
		d.dirty = make(map[int64][]pageVersion)
	}
	d.dirty[i] = append(versions, pageVersion{p, len(d.cuts)})
}

func (d *memData) sizeChanged(e sizeEvent) {
	d.sizes = append(d.sizes, e)
	if len(d.sizes) > maxSizeEvents {
		if i := slices.IndexFunc(d.sizes, func(e sizeEvent) bool { return !e.cut }); i >= 0 {
			d.sizes = slices.Delete(d.sizes, i, i+1)
		}
	}
}

func (d *memData) truncate(size int64) {
	switch {
	case size > d.cur.size:
		d.cur.size = size
		d.sizeChanged(sizeEvent{size: size})
	case size < d.cur.size:
		d.cuts = append(d.cuts, size)
		d.sizeChanged(sizeEvent{size: size, cut: true})
		d.cur.resize(size)
		if i := size / pageSize; size%pageSize != 0 && d.cur.page(i) != nil {
			d.setPage(i, d.cur.page(i))
		}
	}
	d.reserve(d.reserveFrom, min(d.reserveTo, pagesFor(size)))
}

// reserve sets the preallocated range and counts what of it is unwritten.
func (d *memData) reserve(from, to int64) {
	d.reserveFrom, d.reserveTo, d.unwritten = from, to, 0
	for i := from; i < to; i++ {
		if d.cur.page(i) == nil {
			d.unwritten++
		}
	}
}

// crash returns what the disk may hold of the file after a power loss now.
//
// The length is that of one step, or between two; the truncates up to that step
// have happened. Each page is on disk as one of its writes left it, or as it was
// synced; one page in four is torn, its sectors decided each for itself.
func (d *memData) crash(cfg CrashConfig) image {
	if cfg.KeepPercent == 0 || !d.isDirty() {
		return d.synced.fork()
	}
	if cfg.KeepPercent == 100 {
		return d.cur.fork()
	}
	im := d.synced.fork()
	size, cuts := d.crashSize(cfg)
	for _, c := range d.cuts[:cuts] {
		if c < im.size {
			im.resize(c)
		}
	}
	for _, i := range slices.Sorted(maps.Keys(d.dirty)) {
		im.set(i, d.crashPage(cfg, i, im.page(i), cuts))
		im.size = max(im.size, (i+1)*pageSize)
	}
	im.resize(size)
	return im
}

// crashSize picks the length after a crash and how many truncates it includes.
func (d *memData) crashSize(cfg CrashConfig) (size int64, cuts int) {
	last := len(d.sizes) - 1
	for last >= 0 && !cfg.keep() {
		last--
	}
	size = d.synced.size
	for _, e := range d.sizes[:last+1] {
		size = e.size
		if e.cut {
			cuts++
		}
	}
	if last+1 < len(d.sizes) {
		if next := d.sizes[last+1]; next.size > size && cfg.keep() {
			size += cfg.Rand.Int64N(next.size - size)
		}
	}
	return size, cuts
}

// crashPage picks what page i holds after a crash; base is what it held at the
// last sync, with the first cuts truncates done.
func (d *memData) crashPage(cfg CrashConfig, i int64, base *page, cuts int) *page {
	var candidates []*page
	for _, v := range d.dirty[i] {
		// Blocks of a page that a truncate freed are written elsewhere, in the
		// journal behind it: without the truncate they are not seen.
		hidden := false
		for _, c := range d.cuts[min(cuts, v.cuts):v.cuts] {
			hidden = hidden || i*pageSize >= c
		}
		if hidden {
			continue
		}
		p := v.page
		for _, c := range d.cuts[min(cuts, v.cuts):cuts] {
			p = zeroFrom(p, i, c)
		}
		candidates = append(candidates, p)
	}
	pick := func() *page {
		for _, p := range slices.Backward(candidates) {
			if cfg.keep() {
				return p
			}
		}
		return base
	}
	if len(candidates) == 0 || cfg.Rand.IntN(4) != 0 {
		return pick()
	}
	torn := new(page)
	for at := 0; at < pageSize; at += sectorSize {
		if p := pick(); p != nil {
			copy(torn[at:at+sectorSize], p[at:])
		}
	}
	return torn
}
