package organisation

// A Site is a place of work.
type Site struct {
	Name   string
	prefix string // of phone numbers
	weight int
}

// Sites lists the sites, the seat first.
var Sites = []Site{
	{"Porto", "+351 22 555", 34},
	{"Gdansk", "+48 58 555", 19},
	{"Lyon", "+33 4 7255", 15},
	{"Bristol", "+44 117 555", 12},
	{"Pune", "+91 20 5550", 13},
	{"Nairobi", "+254 20 555", 7},
}

// Lost is the site that the second damaged file of the demo leaves out.
const Lost = "Lyon"

// department is one line of the organisation chart.
type department struct {
	number, name string
	weight       int
	chief        string   // its head's title
	titles       []string // its people's, the most frequent first
}

var departments = []department{
	{"110", "Research", 10, "Chief Technology Officer", []string{"Scientist", "Senior Scientist", "Laboratory Technician", "Research Engineer"}},
	{"120", "Engineering", 15, "Chief Engineer", []string{"Engineer", "Senior Engineer", "Firmware Developer", "Test Engineer", "Draughtsperson"}},
	{"200", "Production", 28, "Chief Operating Officer", []string{"Assembler", "Instrument Maker", "Calibration Technician", "Machine Operator", "Shift Planner"}},
	{"210", "Quality", 6, "Director of Quality", []string{"Quality Inspector", "Quality Engineer", "Auditor"}},
	{"220", "Logistics", 7, "Director of Logistics", []string{"Warehouse Clerk", "Driver", "Dispatcher", "Buyer"}},
	{"300", "Sales", 10, "Chief Sales Officer", []string{"Account Representative", "Sales Engineer", "Tender Specialist"}},
	{"310", "Customer Service", 9, "Director of Customer Service", []string{"Service Technician", "Support Agent", "Field Engineer"}},
	{"320", "Marketing", 3, "Director of Marketing", []string{"Editor", "Designer", "Product Marketer"}},
	{"400", "Finance", 4, "Chief Financial Officer", []string{"Accountant", "Controller", "Payroll Clerk"}},
	{"410", "Human Resources", 2, "Director of Human Resources", []string{"Recruiter", "Training Officer", "HR Adviser"}},
	{"420", "Information Technology", 4, "Chief Information Officer", []string{"System Administrator", "Software Developer", "Network Engineer", "Service Desk Agent"}},
	{"430", "Facilities", 2, "Director of Facilities", []string{"Caretaker", "Electrician", "Receptionist"}},
}

// across are the groups that every site has, beside those of each team.
var across = []string{"First Aid", "Fire Wardens", "Works Council", "Safety Officers", "Sustainability Circle"}
