import re
s=open('delta_test.go').read()
s=s.replace('''	d.plans, d.objs, d.full =''','''	if os.Getenv("DBG") != "" {
		fmt.Fprintf(os.Stderr, "--- plan %d everybody=%t\\n", d.plans, d.m.everybody)
		for _, v := range out.verdicts {
			n := 0
			if v.Unit != nil {
				n = len(v.Unit.Changes)
			}
			fmt.Fprintln(os.Stderr, "   ", v.Object, "changes", n, "waiting", len(v.Waiting), "unborn", v.Unborn, v.Faults, "entries", v.Entries)
		}
		fmt.Fprintln(os.Stderr, "    oracle faulty", p.Faulty())
		for _, o := range slices.SortedFunc(maps.Keys(p.Units), object.ID.Compare) {
			fmt.Fprintln(os.Stderr, "    oracle unit", o)
		}
	}
	d.plans, d.objs, d.full =''',1)
s=s.replace('''	"math/rand/v2"
''','''	"math/rand/v2"
	"os"
''',1)
open('delta_test.go','w').write(s)
