package vfs

// pageSize is the page of the simulated cache and disk, in bytes; sectorSize is
// what the simulated disk writes whole or not at all.
const (
	pageSize   = 4096
	sectorSize = 512
	chunkPages = 64

	maxFileSize = 1 << 40 // bytes; beyond it EFBIG, as a real disk has its limit
)

// page is never changed once it is in an image; nil stands for zeros (a hole).
type page [pageSize]byte

// owner is a token: a chunk may be changed in place only by the image that
// holds the token it was made under.
type owner struct{ _ byte }

type chunk struct {
	owner *owner
	pages [chunkPages]*page
}

// image is the bytes of a file. Images share chunks and pages: fork is O(1),
// and the first write after it copies the chunk it touches.
type image struct {
	own    *owner // nil: everything below is shared
	chunks []*chunk
	size   int64
	held   int64 // pages that are not holes
}

// fork returns an image of the same bytes; both go on independently.
func (im *image) fork() image {
	im.own = nil
	return *im
}

func (im *image) page(i int64) *page {
	if c := i / chunkPages; c < int64(len(im.chunks)) && im.chunks[c] != nil {
		return im.chunks[c].pages[i%chunkPages]
	}
	return nil
}

// set puts p, which may be nil, at page i.
func (im *image) set(i int64, p *page) {
	before := im.page(i)
	if before == p {
		return
	}
	if im.own == nil {
		im.own = new(owner)
		im.chunks = append(make([]*chunk, 0, len(im.chunks)+1), im.chunks...)
	}
	at := i / chunkPages
	for int64(len(im.chunks)) <= at {
		im.chunks = append(im.chunks, nil)
	}
	c := im.chunks[at]
	if c == nil || c.owner != im.own {
		mine := &chunk{owner: im.own}
		if c != nil {
			mine.pages = c.pages
		}
		im.chunks[at], c = mine, mine
	}
	c.pages[i%chunkPages] = p
	if before != nil {
		im.held--
	}
	if p != nil {
		im.held++
	}
}

// resize sets the length; what lies beyond is dropped, so that growing again shows zeros.
func (im *image) resize(size int64) {
	if size < im.size {
		end := min(pagesFor(im.size), int64(len(im.chunks))*chunkPages) // beyond: one hole
		for i := pagesFor(size); i < end; i++ {
			im.set(i, nil)
		}
		if i := size / pageSize; size%pageSize != 0 {
			im.set(i, zeroFrom(im.page(i), i, size))
		}
	}
	im.size = size
}

// readAt fills b from offset on, which with len(b) is within the size.
func (im *image) readAt(b []byte, offset int64) {
	for len(b) > 0 {
		in := offset % pageSize
		n := min(int64(len(b)), pageSize-in)
		if p := im.page(offset / pageSize); p != nil {
			copy(b[:n], p[in:])
		} else {
			clear(b[:n])
		}
		b, offset = b[n:], offset+n
	}
}

// zeroFrom returns page i of a file as it reads once the file was cut at size.
func zeroFrom(p *page, i, size int64) *page {
	keep := size - i*pageSize
	switch {
	case p == nil || keep <= 0:
		return nil
	case keep >= pageSize:
		return p
	}
	cut := new(page)
	copy(cut[:keep], p[:])
	return cut
}

// pagesFor is how many pages hold size bytes.
func pagesFor(size int64) int64 { return (size + pageSize - 1) / pageSize }
