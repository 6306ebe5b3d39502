package enginetest

import (
	"os"
	"testing"

	"muster/internal/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }
