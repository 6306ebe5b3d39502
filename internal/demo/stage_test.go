package demo

import (
	"context"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestStageFitsTheTerminal(t *testing.T) {
	for _, width := range []int{40, 80, 200} {
		var b strings.Builder
		s := &stage{out: &b, width: width}
		s.title(1, 7, "A title that is by far too long for a terminal of forty columns")
		s.say("Prose about %d people of Łódź, told at some length so that it has to go on in the next line.", 2000)
		s.command(`muster plan reject --cause guard --because "the file was damaged"`)
		s.table([][]string{{"account value", "148 people", "Ana Silva becomes Ana Silva (external) and so on and so on"}, {"x", "1 person", "y"}})
		s.shows("an answer that is longer than a line of a narrow terminal, but not by much")
		s.proof(true, "counted in the directory itself: two thousand accounts, all of them in use")
		for line := range strings.SplitSeq(b.String(), "\n") {
			if utf8.RuneCountInString(line) > width {
				t.Errorf("width %d: %q", width, line)
			}
		}
		if strings.Contains(b.String(), "\x1b") {
			t.Error("colours where there is no terminal")
		}
	}
}

func TestStageRemembersWhatIsNotSo(t *testing.T) {
	var b strings.Builder
	s := &stage{out: &b, width: 80, scene: "one"}
	s.expect(true, "silent")
	s.expect(false, "loud")
	if len(s.failed) != 1 || s.failed[0] != "one: loud" || strings.Contains(b.String(), "silent") {
		t.Errorf("%q\n%s", s.failed, b.String())
	}
}

func TestPauseQuits(t *testing.T) {
	var b strings.Builder
	s := &stage{out: &b, width: 80, wait: func(context.Context) (bool, error) { return true, nil }}
	if err := s.pause(t.Context()); !errors.Is(err, errQuit) {
		t.Errorf("got %v", err)
	}
	s.wait = nil
	if err := s.pause(t.Context()); err != nil {
		t.Errorf("got %v", err)
	}
}
