package server

import (
	"os"
	"time"

	"github.com/samsa-project/samsa/internal/storage/log"
	"github.com/samsa-project/samsa/internal/sys/sendfile"
)

// file sends head, then the section from the page cache without copying it.
func (s *sender) file(head []byte, slice *log.Slice, f *os.File) error {
	if err := s.write(head); err != nil {
		return err
	}
	if err := s.nc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := sendfile.Send(s.nc, f, slice.Position(), slice.Len())
	return err
}
