package systems

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"time"

	"muster/internal/demo/organisation"
)

// The files that HR exports, below the folder of the configuration.
const (
	PeopleFile  = "data/hr/people.csv"
	TeamsFile   = "data/hr/teams.csv"
	MembersFile = "data/hr/members.csv"
)

// WriteHR exports everything HR has.
func WriteHR(dir string, o *organisation.Organisation) error {
	teams := [][]string{{"team_no", "name", "lead_no"}}
	members := [][]string{{"team_no", "emp_no"}}
	for i := range o.Teams {
		t := &o.Teams[i]
		teams = append(teams, []string{t.No, t.Name, t.Lead})
		for _, m := range t.Members {
			members = append(members, []string{t.No, m})
		}
	}
	if err := writeCSV(dir, TeamsFile, teams); err != nil {
		return err
	}
	if err := writeCSV(dir, MembersFile, members); err != nil {
		return err
	}
	return WritePeople(dir, o.People)
}

// WritePeople exports the people only: a whole file, or a damaged one.
func WritePeople(dir string, people []organisation.Person) error {
	rows := [][]string{{"emp_no", "first_name", "last_name", "kind", "title", "dept_no", "department", "site", "manager_no", "phone", "start", "end"}}
	for i := range people {
		p := &people[i]
		rows = append(rows, []string{
			p.No, p.First, p.Last, p.Kind, p.Title, p.DeptNo, p.Department, p.Site, p.Manager, p.Phone, date(p.Start), date(p.End),
		})
	}
	return writeCSV(dir, PeopleFile, rows)
}

func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

// writeCSV puts a whole file in the place of the last one.
func writeCSV(dir, name string, rows [][]string) error {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll(rows); err != nil {
		return err
	}
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	part := file + ".part"
	if err := os.WriteFile(part, b.Bytes(), 0o600); err != nil {
		return err
	}
	return os.Rename(part, file)
}
