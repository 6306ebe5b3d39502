package term

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
)

// CanAsk reports that there is a person at both ends.
func CanAsk(in io.Reader, out io.Writer) bool {
	i, ok := in.(*os.File)
	if !ok {
		return false
	}
	o, ok := out.(*os.File)
	return ok && isatty.IsTerminal(i.Fd()) && isatty.IsTerminal(o.Fd())
}

// Ask asks a question; only y or yes means yes.
func Ask(ctx context.Context, in io.Reader, out io.Writer, question string) (bool, error) {
	if _, err := fmt.Fprintf(out, "%s [y/N] ", question); err != nil {
		return false, err
	}
	answer := make(chan string, 1)
	go func() { // reading a terminal cannot be called off
		line, _ := bufio.NewReader(in).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case a := <-answer:
		return a == "y" || a == "yes", nil
	}
}
