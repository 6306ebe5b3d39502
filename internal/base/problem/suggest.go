package problem

import "strings"

// Suggest returns a "did you mean" sentence for the known word nearest to
// word, or "" when none is near.
func Suggest(word string, known []string) string {
	best, at := "", len(word)/2+1
	if at > 4 {
		at = 4
	}
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d < at {
			best, at = k, d
		}
	}
	if best == "" {
		return ""
	}
	return "did you mean " + best + "?"
}

// distance is the number of single-letter edits, a swap of neighbours counting
// as one (optimal string alignment).
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	var older, old, row []int
	old = make([]int, len(t)+1)
	for j := range old {
		old[j] = j
	}
	for i := 1; i <= len(s); i++ {
		row = make([]int, len(t)+1)
		row[0] = i
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			row[j] = min(old[j]+1, row[j-1]+1, old[j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
		older, old = old, row
	}
	return old[len(t)]
}
