package term

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Progress tells people who wait how far something is: on a terminal one line
// that is redrawn, elsewhere a plain line every few seconds.
type Progress struct {
	w       io.Writer
	columns int // 0: no terminal
	now     func() time.Time

	mu      sync.Mutex
	what    string
	started time.Time // of what
	first   int64     // how far it was then
	told    time.Time
	drawn   bool
}

// The times between two tellings.
const (
	redraw = 200 * time.Millisecond
	plain  = 5 * time.Second
)

// NewProgress returns a Progress that writes to w.
func NewProgress(w io.Writer, columns int, now func() time.Time) *Progress {
	return &Progress{w: w, columns: columns, now: now, told: now()}
}

// Tell says how far something is; total 0 is not known.
func (p *Progress) Tell(what string, done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if what != p.what {
		p.what, p.started, p.first = what, now, done
	}
	every := plain
	if p.columns > 0 {
		every = redraw
	}
	if now.Sub(p.told) < every {
		return
	}
	p.told = now
	line := p.line(now, done, total)
	if p.columns == 0 {
		p.write(line + "\n")
		return
	}
	p.write(wipe + Cut(line, p.columns-1))
	p.drawn = true
}

// wipe takes away what stands on the line.
const wipe = "\r\x1b[K"

// write writes; who cannot be told of progress needs none.
func (p *Progress) write(s string) { _, _ = io.WriteString(p.w, s) }

// line is how far it is, how fast it goes, and how long it will take.
func (p *Progress) line(now time.Time, done, total int64) string {
	s := Clean(p.what) + ": " + Number(done)
	if total > 0 {
		s += fmt.Sprintf(" of %s (%d %%)", Number(total), done*100/total)
	}
	took := now.Sub(p.started).Seconds()
	if took < 1 || done <= p.first {
		return s
	}
	rate := float64(done-p.first) / took
	s += ", " + Number(int64(rate+0.5)) + "/s"
	if total > done {
		s += ", " + Span(time.Duration(float64(total-done)/rate*float64(time.Second))) + " left"
	}
	return s
}

// End takes the line away, so that what follows begins on a clear one.
func (p *Progress) End() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn {
		p.write(wipe)
		p.drawn = false
	}
}

// Span writes a length of time as people say it: 20 ms, 0.4 s, 12 s, 3 min 20 s, 2 h 5 min.
func Span(d time.Duration) string {
	switch {
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()+0.5))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
