package expr

import (
	"fmt"
	"maps"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"muster/internal/base/object"
	"muster/internal/base/problem"
)

// The codes of the problems that Compile finds.
const (
	BadSyntax   problem.Code = "expression-syntax"
	UnknownName problem.Code = "expression-unknown-name"
	BadType     problem.Code = "expression-type"
	SeveralFlow problem.Code = "flow-multi-values-to-single-value"    // several values where one is wanted (MIM)
	SeveralJoin problem.Code = "join-object-id-must-be-single-valued" // the same in a join (MIM)
	NotAllowed  problem.Code = "expression-not-allowed"
)

// Compile checks src against the scope and the wanted type and makes a program
// of it. It reports every problem at once; a program comes back exactly when
// there is none.
//
// where is the place in the file at which the text of the expression begins
// (after an opening quote). Further lines of src are taken to begin in the
// same column, as in a YAML block scalar. The source line of a problem is the
// expression's line, moved to its column; a caller that has the file may put
// the real line there.
func Compile(src string, scope *Scope, want Type, where problem.Position) (*Program, problem.List) {
	c := &compiler{src: src, scope: scope, want: want, where: where}
	p := c.compile(nil)
	c.problems.Sort()
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	return p, nil
}

// compiler is the state of one compilation.
type compiler struct {
	src      string
	scope    *Scope
	want     Type
	where    problem.Position
	own      map[string]Type // variables bound by unique
	env      environment
	info     *ast.SourceInfo
	root     ast.Expr
	vars     []*variable
	byName   map[string]*variable
	nextID   int64
	used     map[string]bool
	celOnly  bool // tests ask for the CEL program, to compare
	problems problem.List
}

// part picks the piece of a parsed unique expression to compile; nil is all.
type part func(ast.Expr) ast.Expr

func (c *compiler) compile(pick part) *Program {
	if len(c.src) > MaxSource {
		c.report(0, BadSyntax, fmt.Sprintf("the expression is longer than %d bytes", MaxSource), "split the rule, or move what is common into one flow that the others read")
		return nil
	}
	c.env = baseEnv()
	parsed, issues := c.env.cel.Parse(c.src)
	if issues != nil && issues.Err() != nil {
		c.explainAll(issues)
		return nil
	}
	native := parsed.NativeRep()
	c.info, c.root = native.SourceInfo(), native.Expr()
	if pick != nil {
		sub := pick(c.root)
		if at, ok := c.info.GetOffsetRange(sub.ID()); ok {
			c.info.SetOffsetRange(c.root.ID(), at)
		}
		c.root.SetKindCase(sub)
	} else if isUnique(c.root) {
		return c.compileUnique()
	}
	c.byName, c.used = map[string]*variable{}, map[string]bool{}
	for id := range native.IDs() {
		c.nextID = max(c.nextID, id)
	}
	c.resolve(c.root, nil)
	found := len(c.problems)

	opts := make([]cel.EnvOption, 0, len(c.vars)+1)
	opts = append(opts, cel.Variable(unknownName, cel.DynType))
	for _, v := range c.vars {
		opts = append(opts, cel.Variable(v.name, celType(v.typ)))
	}
	env, err := c.env.cel.Extend(opts...)
	if err != nil {
		c.report(0, BadSyntax, err.Error(), "")
		return nil
	}
	checked, issues := env.Check(parsed)
	if issues != nil && issues.Err() != nil {
		c.explainAll(issues)
		return nil
	}
	gives, ok := c.checkResult(checked.OutputType())
	if !ok || found > 0 {
		return nil
	}
	return c.build(env, checked, gives)
}

func (c *compiler) build(env *cel.Env, checked *cel.Ast, gives Type) *Program {
	tree := checked.NativeRep()
	p := &Program{want: c.want, gives: gives, vars: c.vars, byName: c.byName, reads: gatherReads(c.vars), pool: &sync.Pool{}}
	p.canonical = canonical(tree.Expr())
	root := tree.Expr()
	if v := c.byName[identOf(root)]; v != nil && v.form == formValue && v.Ref == "" && v.Space != "" {
		p.copies = c.want.Kind == object.None || c.want.Kind == v.typ.Kind
	}
	b := builder{compiler: c, tree: tree}
	if !c.celOnly {
		p.fast = b.node(root)
	}
	if p.fast != nil {
		return p
	}
	prg, err := celProgram(env, checked)
	if err != nil {
		c.report(root.ID(), BadSyntax, "the expression cannot be run: "+err.Error(), "")
		return nil
	}
	p.slow = prg
	return p
}

// celProgram plans the CEL program of a checked tree, with a limit on its
// steps.
func celProgram(env *cel.Env, checked *cel.Ast) (cel.Program, error) {
	return env.Program(checked, cel.EvalOptions(cel.OptOptimize), cel.CostTracking(costs{}), cel.CostLimit(MaxCost))
}

// costs counts the work of our functions by the length of what they are given
// and give, as CEL counts its own.
type costs struct{}

// CallCost is a step for every ten bytes or values.
func (costs) CallCost(_, overloadID string, args []ref.Val, result ref.Val) *uint64 {
	if _, ours := baseEnv().overloads[overloadID]; !ours {
		return nil
	}
	n := 10 + size(result)
	for _, a := range args {
		n += size(a)
	}
	n /= 10
	return &n
}

func size(v ref.Val) uint64 {
	switch v := v.(type) {
	case types.String:
		return uint64(len(v))
	case types.Bytes:
		return uint64(len(v))
	case traits.Lister:
		if n, ok := v.Size().(types.Int); ok {
			return uint64(n) * 10
		}
	}
	return 0
}

func isUnique(e ast.Expr) bool {
	return e.Kind() == ast.CallKind && !e.AsCall().IsMemberFunction() && e.AsCall().FunctionName() == "unique"
}

// compileUnique compiles both parts of unique(base, n, expr) by themselves.
func (c *compiler) compileUnique() *Program {
	call := c.root.AsCall()
	args := call.Args()
	if len(args) != 3 || args[1].Kind() != ast.IdentKind {
		c.report(c.root.ID(), BadType, "unique takes a wish, the name of a number and the further names", "write unique(wish, n, base + string(n))")
		return nil
	}
	if c.scope.Context != InboundFlow || c.want != (Type{Kind: object.String}) {
		c.report(c.root.ID(), NotAllowed, "unique can only make a single-valued text of the metaverse", "use it as the whole expression of an inbound flow")
		return nil
	}
	counter := args[1].AsIdent()
	if counter == uniqueBase || c.scope.space(counter) != nil || counter == MissingSince {
		c.report(args[1].ID(), UnknownName, counter+" already means something else here", "call the number n")
		return nil
	}
	wish := c.sub(nil)
	p := wish.compile(func(e ast.Expr) ast.Expr { return e.AsCall().Args()[0] })
	next := c.sub(map[string]Type{uniqueBase: {Kind: object.String}, counter: {Kind: object.Int}})
	q := next.compile(func(e ast.Expr) ast.Expr { return e.AsCall().Args()[2] })
	c.problems = append(append(c.problems, wish.problems...), next.problems...)
	if q != nil && !next.used[counter] {
		c.report(args[2].ID(), BadType, "every further name would be the same", "use "+counter+" in it, as in base + string("+counter+")")
	}
	if len(c.problems) > 0 {
		return nil
	}
	return &Program{
		want:      c.want,
		gives:     p.gives,
		canonical: "(unique " + p.canonical + " " + counter + " " + q.canonical + ")",
		reads:     sortReads(append(append([]Read(nil), p.reads...), q.reads...)),
		unique:    &Unique{Wish: p, next: q, counter: counter},
	}
}

func (c *compiler) sub(own map[string]Type) *compiler {
	return &compiler{src: c.src, scope: c.scope, want: c.want, where: c.where, own: maps.Clone(own)}
}

func celType(t Type) *cel.Type {
	var ct *cel.Type
	switch t.Kind {
	case object.String:
		ct = cel.StringType
	case object.Int:
		ct = cel.IntType
	case object.Bool:
		ct = cel.BoolType
	case object.Time:
		ct = cel.TimestampType
	case object.Bytes:
		ct = cel.BytesType
	case object.Ref:
		ct = refType
	default:
		ct = cel.DynType
	}
	if t.Multi {
		return cel.ListType(ct)
	}
	return ct
}
