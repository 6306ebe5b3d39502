package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"muster/internal/base/problem"
	"muster/internal/demo/organisation"
	"muster/internal/demo/systems"
)

// Options say how the demo is shown. Out and Now are required.
type Options struct {
	Out    io.Writer
	Width  int  // columns of the terminal; 0 is 80
	Colour bool // Out is a terminal that shows colours
	// Wait waits for the person between scenes; nil goes through at once.
	Wait func(context.Context) (quit bool, err error)
	Now  func() time.Time
	Dir  string // where everything is kept; "" is a folder that goes away
	// Directory is another directory than the demo's own, for tests. It must
	// hold the containers of systems.Containers.
	Directory *systems.Directory
	People    int // how many; 0 is 2,000, fewest are enough for the guards
}

// fewest is the number of people below which what happens to a site is too
// little for the guards to hold it.
const fewest = 500

// seed is what the organisation is made from.
const seed = 1

// Run shows the demo. It returns an error when something that a scene says is
// not so.
func Run(ctx context.Context, o Options) (err error) {
	s := &stage{out: o.Out, width: o.Width, colour: o.Colour, wait: o.Wait}
	if s.width == 0 {
		s.width = 80
	}
	s.width = max(s.width, 30)
	if o.People != 0 && o.People < fewest {
		return &problem.Problem{Code: "demo-too-small", Message: fmt.Sprintf("%d people are too few for the guards to have something to do", o.People), Fix: fmt.Sprintf("make it %d or more", fewest)}
	}
	if o.Dir != "" {
		demo, _, err := isDemo(o.Dir)
		if err != nil {
			return err
		}
		if demo {
			return serveAgain(ctx, s, o)
		}
	}
	e, err := newEstate(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	if err := play(ctx, s, e); err != nil && !errors.Is(err, errQuit) {
		return err
	}
	if len(s.failed) > 0 {
		return fmt.Errorf("%d things that the demo says are not so:\n  %s", len(s.failed), strings.Join(s.failed, "\n  "))
	}
	return afterwards(ctx, s, e, o)
}

// newEstate makes up the organisation and starts its directory. Its clock
// stands eight days back, so that the week of the scenes ends yesterday.
func newEstate(o Options) (*estate, error) {
	start := o.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -8)
	e := &estate{dir: o.Dir, clock: &clock{real: o.Now}}
	e.clock.set(start.Add(2 * time.Hour)) // the first scene is more than 24 hours later: so far do guards look back
	if o.People == 0 {
		o.People = 2000
	}
	e.org = organisation.Generate(seed, o.People, start)
	if e.dir == "" {
		dir, err := e.tempFolder()
		if err != nil {
			return nil, err
		}
		e.dir = dir
	} else if err := os.MkdirAll(filepath.Join(e.dir, "data"), 0o700); err != nil {
		return nil, err
	}
	if o.Directory != nil {
		e.to = *o.Directory
		return e, nil
	}
	if err := os.MkdirAll(filepath.Join(e.dir, "data"), 0o700); err != nil {
		return nil, err
	}
	server, to, err := systems.Start(e.dir, "", newPassword())
	if err != nil {
		return nil, errors.Join(err, e.close())
	}
	e.to = to
	e.closes = append(e.closes, server.Close)
	return e, nil
}

// scene is one thing that the demo shows.
type scene struct {
	title string
	play  func(context.Context, *stage, *estate) error
}

var scenes = []scene{
	{"HR's file arrives cut off in the middle", sceneTruncated},
	{"A damaged file is released in a hurry", sceneHasty},
	{"A new colleague, whose name is taken", sceneJoiner},
	{"A marriage", sceneMarriage},
	{"Somebody leaves", sceneLeaver},
	{"A rule is to change", sceneRules},
	{"On second thoughts", sceneUndo},
}

// play loads the organisation and goes through the scenes, a day each.
func play(ctx context.Context, s *stage, e *estate) error {
	if err := opening(ctx, s, e); err != nil {
		return err
	}
	day := e.clock.now().Truncate(24 * time.Hour)
	for i, x := range scenes {
		if err := s.pause(ctx); err != nil {
			return err
		}
		day = day.AddDate(0, 0, 1)
		e.clock.set(day.Add(2*time.Hour + 30*time.Minute))
		s.title(i+1, len(scenes), x.title)
		if err := x.play(ctx, s, e); err != nil {
			return fmt.Errorf("scene %d, %s: %w", i+1, x.title, err)
		}
	}
	return nil
}
