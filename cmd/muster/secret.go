package main

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"muster/cmd/muster/term"
	"muster/cmd/muster/text"
	"muster/internal/app"
	"muster/internal/base/problem"
	"muster/internal/base/secret"
)

func (c *cli) secretCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "secret", Short: "List sealed secrets; seal one; renew the key",
		Long: `Lists the secrets that are sealed under the key set, and which of them cannot be opened. The settings say
where they are (secrets) and where the key set is (keys). What they are for is told in docs/manual/secrets.md.`,
		Example: "  muster secret\n  muster secret seal dir-password < password.txt",
		Args:    arguments(0, 0), DisableFlagsInUseLine: true,
		RunE: c.does(func(context.Context, []string) error { return c.secrets() }),
	}
	cmd.AddCommand(c.secretSeal(), c.secretKey())
	return cmd
}

// sealed is a sealed secret in JSON.
type sealed struct {
	Name  string `json:"name"`
	Key   string `json:"key,omitempty"`
	Opens bool   `json:"opens"`
	Fault string `json:"fault,omitempty"`
}

// secrets lists the sealed secrets.
func (c *cli) secrets() error {
	from, err := app.SealedSecrets(c.dir)
	if err != nil {
		return err
	}
	list, err := from.List()
	if err != nil {
		return err
	}
	out := []sealed{}
	t := &term.Table{Head: []string{"secret", "key", "opens"}}
	var faults problem.List
	for _, s := range list {
		x := sealed{Name: s.Name, Key: s.Key, Opens: s.Fault == nil}
		opens := "yes"
		if s.Fault != nil {
			x.Fault, opens, c.code = s.Fault.Error(), "no", codePartly
			if p, ok := s.Fault.(*problem.Problem); ok { //nolint:errorlint // made by the list itself
				faults.Add(p)
			}
		}
		out = append(out, x)
		t.Add(s.Name, s.Key, opens)
	}
	return c.give(out, func(p *text.Printer) {
		if len(out) == 0 {
			p.Empty("no secret is sealed", "muster secret seal NAME")
			return
		}
		p.Table(t)
		p.Problems(faults)
	})
}

func (c *cli) secretSeal() *cobra.Command {
	return &cobra.Command{
		Use: "seal NAME", Short: "Seal a secret, which is read from standard input",
		Long: `Reads a secret from standard input and keeps it as NAME.sealed in the folder of secrets, under the first key
of the key set. A line end at its end is not part of it. What the secret was before is replaced.`,
		Example: "  muster secret seal dir-password < password.txt\n  pass show dir | muster secret seal dir-password",
		Args:    arguments(1, 1), DisableFlagsInUseLine: true,
		RunE: c.does(func(_ context.Context, args []string) error {
			if term.CanAsk(c.in, c.out) {
				return usage("a secret that is typed would be seen on the screen", "give it from a file or a program: muster secret seal "+args[0]+" < FILE")
			}
			from, err := app.SealedSecrets(c.dir)
			if err != nil {
				return err
			}
			typed, err := io.ReadAll(io.LimitReader(c.in, 1<<20))
			if err != nil {
				return err
			}
			value := strings.TrimSuffix(strings.TrimSuffix(string(typed), "\n"), "\r")
			if err := from.Put(args[0], secret.New(value)); err != nil {
				return err
			}
			return c.give(sealed{Name: args[0], Opens: true}, func(p *text.Printer) { p.Line("%s", args[0]+" is sealed") })
		}),
	}
}

// renewed is what secret key answers in JSON.
type renewed struct {
	Key    string   `json:"key"`
	Anew   []string `json:"sealedAnew"`
	Closed []string `json:"notOpened,omitempty"`
}

func (c *cli) secretKey() *cobra.Command {
	return &cobra.Command{
		Use: "key", Short: "Put a new key first in the key set, and seal everything under it",
		Long: `Makes a new key, puts it first in the key set, and seals what opens anew under it. A key set that is not
there is made. The old keys stay in it, for secrets that come back from a backup. Copy the key set to a safe
place afterwards: without it no sealed secret can be opened.`,
		Example: "  muster secret key\n  muster secret key && cp /etc/muster/keys /media/safe/",
		Args:    arguments(0, 0), DisableFlagsInUseLine: true,
		RunE: c.does(func(context.Context, []string) error {
			from, err := app.SealedSecrets(c.dir)
			if err != nil {
				return err
			}
			id, anew, faults, err := from.Renew()
			if err != nil {
				return err
			}
			out := renewed{Key: id, Anew: append([]string{}, anew...)}
			for _, f := range faults {
				out.Closed = append(out.Closed, f.Object)
				c.code = codePartly
			}
			return c.give(out, func(p *text.Printer) {
				p.Line("%s", "the key "+id+" is first in "+from.Keys+"; "+term.Count(int64(len(anew)), "secret")+" sealed anew")
				p.Problems(faults)
				p.Line("%s", "copy the key set to a safe place, apart from the secrets")
			})
		}),
	}
}
