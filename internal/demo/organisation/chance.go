package organisation

// chance is a source of numbers that look random and are the same for ever
// (splitmix64), whatever a later Go makes of its own.
type chance struct{ state uint64 }

func (c *chance) next() uint64 {
	c.state += 0x9e3779b97f4a7c15
	z := c.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number from 0 to n-1.
func (c *chance) below(n int) int { return int(c.next() % uint64(n)) }

// percent is true that often.
func (c *chance) percent(n int) bool { return c.below(100) < n }

// pick returns one of the list.
func pick[T any](c *chance, list []T) T { return list[c.below(len(list))] }

// weighted returns an index, as often as its weight says.
func (c *chance) weighted(weights []int) int {
	total := 0
	for _, w := range weights {
		total += w
	}
	n := c.below(total)
	for i, w := range weights {
		if n -= w; n < 0 {
			return i
		}
	}
	return 0
}
