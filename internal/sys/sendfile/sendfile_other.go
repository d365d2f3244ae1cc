//go:build !linux

package sendfile

import (
	"net"
	"os"
)

func sendTCP(*net.TCPConn, *os.File, int64, int) (int64, error) { return 0, errCannot }
