package bench

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// size is how much there is of everything: for a million people 20,000 teams
// with two million members, for fewer in proportion.
type size struct{ people, teams, members int }

func sized(people int) size { return size{people, max(1, people/50), 2 * people} }

// The three files of the source. Those of the second evening differ in one
// person of a hundred.
const (
	peopleFile  = "people.csv"
	teamsFile   = "teams.csv"
	membersFile = "members.csv"
)

// dice are random numbers that are the same each time.
type dice uint64

func (d *dice) roll(n int) int {
	x := uint64(*d)
	x ^= x << 13
	x ^= x >> 7
	x ^= x << 17
	*d = dice(x)
	return int(x % uint64(n))
}

// writeSource writes the source's files into the folder; every odd-th person
// is changed, none if odd is 0.
func writeSource(dir string, s size, odd int) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	d := dice(88172645463325252)
	err := writeFile(filepath.Join(dir, peopleFile), func(w *bufio.Writer) {
		fmt.Fprintln(w, "emp_no,first_name,last_name,kind,title,dept_no,department,site,manager_no,phone,room,company,cost_center,start,end")
		for i := range s.people {
			title := fmt.Sprintf("Title number %d", d.roll(300))
			if odd > 0 && i%odd == odd/2 {
				title = fmt.Sprintf("Changed title %d", i)
			}
			dept := d.roll(800)
			manager, end := "", ""
			if i >= 10 {
				manager = fmt.Sprintf("%08d", i/10)
			}
			if i%20 == 7 {
				end = fmt.Sprintf("2031-%02d-%02d", 1+d.roll(12), 1+d.roll(28))
			}
			fmt.Fprintf(w, "%08d,%s,%s,employee,%s,%04d,Department of things and matters number %d,Site %d,%s,+49 170 %07d,B%d-%d,Company number %d GmbH,CC%05d,20%02d-%02d-%02d,%s\n",
				i, made(d.roll(5000)), made(40000+d.roll(200_000)), title, dept, dept, d.roll(60), manager, d.roll(9_999_999), d.roll(40), d.roll(900), d.roll(20), d.roll(99999),
				10+d.roll(15), 1+d.roll(12), 1+d.roll(28), end)
		}
	})
	err = errors.Join(err, writeFile(filepath.Join(dir, teamsFile), func(w *bufio.Writer) {
		fmt.Fprintln(w, "team_no,name,lead_no")
		for i := range s.teams {
			fmt.Fprintf(w, "T%06d,Team %d,%08d\n", i, i, d.roll(s.people))
		}
	}))
	return errors.Join(err, writeFile(filepath.Join(dir, membersFile), func(w *bufio.Writer) {
		fmt.Fprintln(w, "team_no,emp_no")
		for i := range s.members {
			// Each team has members once: a stride that goes through all people.
			team, nth := i%s.teams, i/s.teams
			fmt.Fprintf(w, "T%06d,%08d\n", team, (team*7919+nth*104_729)%s.people)
		}
	}))
}

// made makes a name of a number.
func made(n int) string {
	parts := []string{"ba", "den", "mor", "ti", "sel", "ro", "kan", "vi", "lu", "hest"}
	var b strings.Builder
	for ; n > 0; n /= 10 {
		b.WriteString(parts[n%10])
	}
	s := b.String()
	if s == "" {
		s = "o"
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func writeFile(path string, fill func(*bufio.Writer)) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	fill(w)
	return errors.Join(w.Flush(), f.Close())
}

// estate is the configuration: HR's files in, files for a directory out. It is
// like the demo's: computed values, unique names, a manager, and groups.
const estate = `
connector: hr
kind: csv
files:
- file: %[1]s/people.csv
  type: person
  anchor: [emp_no]
  columns: {emp_no: string, first_name: string, last_name: string, kind: string, title: string, dept_no: string, department: string, site: string, manager_no: ref, phone: string, room: string, company: string, cost_center: string, start: time, end: time}
- file: %[1]s/teams.csv
  type: team
  anchor: [team_no]
  columns: {team_no: string, name: string, lead_no: ref}
  members:
  - {file: %[1]s/members.csv, owner: team_no, value: emp_no, attribute: members}
---
connector: dir
kind: csv
files:
- file: %[2]s/accounts.csv
  type: account
  anchor: [uid]
  columns: {uid: string, sn: string, givenName: string, displayName: string, mail: string, title: string, ou: string, employeeNumber: string, employeeType: string, telephoneNumber: string, roomNumber: string, manager: ref}
- file: %[2]s/groups.csv
  type: group
  anchor: [cn]
  columns: {cn: string, owner: ref}
  members:
  - {file: %[2]s/groupmembers.csv, owner: cn, value: uid, attribute: member}
---
metaverse: person
attributes:
  employeeID: string
  firstName: string
  lastName: string
  displayName: string
  accountName: string
  mailName: string
  kind: string
  title: string
  department: string
  departmentNumber: string
  site: string
  manager: ref
  phone: string
  room: string
  company: string
  costCenter: string
  startDate: time
  endDate: time
---
metaverse: group
attributes: {teamID: string, name: string, owner: ref, member: {type: ref, multi: true}}
---
rule: hr-person-in
from: hr/person
to: person
join: [{on: {employeeID: attr.emp_no}}]
project: true
missing: stages
cutWhen: 'after(missingSince, days(90))'
flows:
  employeeID: attr.emp_no
  firstName: attr.first_name
  lastName: attr.last_name
  displayName: 'attr.first_name + " " + attr.last_name'
  accountName: 'unique(replace(lower(ascii(left(attr.first_name, 1) + attr.last_name)), " ", ""), n, base + string(n))'
  mailName: 'unique(replace(lower(ascii(attr.first_name + "." + attr.last_name)), " ", ""), n, base + string(n))'
  kind: attr.kind
  title: attr.title
  department: attr.department
  departmentNumber: attr.dept_no
  site: attr.site
  manager: attr.manager_no
  phone: attr.phone
  room: attr.room
  company: attr.company
  costCenter: attr.cost_center
  startDate: attr.start
  endDate: attr.end
---
rule: hr-team-in
from: hr/team
to: group
join: [{on: {teamID: attr.team_no}}]
project: true
flows: {teamID: attr.team_no, name: attr.name, owner: attr.lead_no, member: attr.members}
---
rule: person-directory
from: person
to: dir/account
exists: 'has(mv.employeeID) && !before(mv.startDate, days(7)) && !(has(mv.endDate) && after(mv.endDate, days(30)))'
otherwise: delete
initial: {uid: mv.accountName}
flows:
  sn: mv.lastName
  givenName: mv.firstName
  displayName: mv.displayName
  mail: 'mv.mailName + "@brennholm.example"'
  title: mv.title
  ou: mv.department
  employeeNumber: mv.employeeID
  employeeType: 'IsPresent(missingSince) || has(mv.endDate) && after(mv.endDate) ? "inactive" : mv.kind'
  telephoneNumber: mv.phone
  roomNumber: mv.room
  manager: mv.manager
---
rule: group-directory
from: group
to: dir/group
exists: has(mv.name)
otherwise: delete
initial: {cn: mv.name}
flows: {owner: mv.owner, member: mv.member}
`

// writeTarget makes the target's files, with nobody in them.
func writeTarget(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	var err error
	for name, head := range map[string]string{
		"accounts.csv":     "uid,sn,givenName,displayName,mail,title,ou,employeeNumber,employeeType,telephoneNumber,roomNumber,manager",
		"groups.csv":       "cn,owner",
		"groupmembers.csv": "cn,uid",
	} {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte(head+"\n"), 0o600))
	}
	return err
}
