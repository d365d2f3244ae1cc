package suite

import (
	"os"
	"testing"
)

// TestClients runs every client against the server at $SAMSA_INTEROP_BOOTSTRAP.
func TestClients(t *testing.T) {
	bootstrap := os.Getenv("SAMSA_INTEROP_BOOTSTRAP")
	if bootstrap == "" {
		t.Skip("SAMSA_INTEROP_BOOTSTRAP names no server")
	}
	for _, maker := range Makers() {
		t.Run(maker.Name, func(t *testing.T) {
			c, err := maker.Make(t.Context(), bootstrap)
			if err != nil {
				t.Fatal(err)
			}
			Run(t.Context(), bootstrap, c, os.Getenv("SAMSA_INTEROP_CASE"), func(o Outcome) {
				t.Run(o.Case, func(t *testing.T) {
					switch {
					case o.Skipped != "":
						t.Skip(o.Skipped)
					case o.Err != nil:
						t.Error(o.Err)
					}
					t.Log(o.Took)
				})
			})
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
